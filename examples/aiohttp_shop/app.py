"""
The bookstore as an aiohttp application.
"""

from __future__ import annotations

from aiohttp import web
from bookstore.pages import front_page, order_page
from bookstore.shop import Shop

from umfpay.notifications.aiohttp import notification_routes


SHOP = web.AppKey("shop", Shop)


def make_app(shop: Shop) -> web.Application:
    """
    Return the application of an open shop.
    """
    app = web.Application()
    app[SHOP] = shop
    app.add_routes(notification_routes(shop.inbox))
    app.add_routes(
        [
            web.get("/", _front),
            web.post("/orders", _buy),
            web.get("/orders/{number}", _order),
            web.post("/orders/{number}/card", _card),
            web.post("/orders/{number}/code", _code),
            web.post("/orders/{number}/qr", _qr),
        ]
    )

    return app


async def _front(request: web.Request) -> web.Response:
    shop = request.app[SHOP]

    return _page(front_page(await shop.store.orders(), gateway=shop.console))


async def _buy(request: web.Request) -> web.Response:
    return _to(await request.app[SHOP].store.buy())


async def _order(request: web.Request) -> web.Response:
    shop = request.app[SHOP]
    found = await shop.store.order(request.match_info["number"])

    if found is None:
        raise web.HTTPNotFound

    return _page(order_page(found, gateway=shop.console))


async def _card(request: web.Request) -> web.Response:
    number = request.match_info["number"]
    await request.app[SHOP].store.begin_card(number, await _form(request))

    return _to(number)


async def _code(request: web.Request) -> web.Response:
    number = request.match_info["number"]
    form = await _form(request)
    await request.app[SHOP].store.confirm_card(number, form["code"])

    return _to(number)


async def _qr(request: web.Request) -> web.Response:
    number = request.match_info["number"]
    await request.app[SHOP].store.show_qr(number, await _form(request))

    return _to(number)


def _page(html: str) -> web.Response:
    return web.Response(text=html, content_type="text/html")


def _to(number: str) -> web.Response:
    return web.Response(status=303, headers={"Location": f"/orders/{number}"})


async def _form(request: web.Request) -> dict[str, str]:
    return {name: str(value) for name, value in (await request.post()).items()}
