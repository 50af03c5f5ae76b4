"""
The bookstore as a FastAPI application.
"""

from __future__ import annotations

from bookstore.pages import front_page, order_page
from bookstore.shop import Shop
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from umfpay.notifications.fastapi import notification_router


def make_app(shop: Shop) -> FastAPI:
    """
    Return the application of an open shop.
    """
    app = FastAPI()
    app.include_router(notification_router(shop.inbox))

    @app.get("/", response_class=HTMLResponse)
    async def front() -> str:
        return front_page(await shop.store.orders(), gateway=shop.console)

    @app.post("/orders")
    async def buy() -> RedirectResponse:
        return _to(await shop.store.buy())

    @app.get("/orders/{number}", response_class=HTMLResponse)
    async def order(number: str) -> str:
        found = await shop.store.order(number)

        if found is None:
            raise HTTPException(404)

        return order_page(found, gateway=shop.console)

    @app.post("/orders/{number}/card")
    async def card(request: Request, number: str) -> RedirectResponse:
        await shop.store.begin_card(number, await _form(request))

        return _to(number)

    @app.post("/orders/{number}/code")
    async def code(request: Request, number: str) -> RedirectResponse:
        form = await _form(request)
        await shop.store.confirm_card(number, form["code"])

        return _to(number)

    @app.post("/orders/{number}/qr")
    async def qr(request: Request, number: str) -> RedirectResponse:
        await shop.store.show_qr(number, await _form(request))

        return _to(number)

    return app


def _to(number: str) -> RedirectResponse:
    return RedirectResponse(f"/orders/{number}", status_code=303)


async def _form(request: Request) -> dict[str, str]:
    return {name: str(value) for name, value in (await request.form()).items()}
