"""
Requests of a browser to pages, and forms to what they change.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final
from urllib.parse import parse_qsl

from umfpay.emulator._console._customer import CustomerPages
from umfpay.emulator._console._forms import Forms
from umfpay.emulator._console._lists import ListPages
from umfpay.emulator._console._pages import Page, PageRefused, Renderer
from umfpay.emulator._console._texts import LANGUAGES, choose
from umfpay.emulator._gateway import Gateway
from umfpay.emulator._messages import Answer, Request
from umfpay.emulator._moves import NotHereError
from umfpay.emulator._notifier import Notifier
from umfpay.emulator._refusal import Refusal
from umfpay.emulator._transitions import tick
from umfpay.errors import ConfigError


_PLACES: Final = ("/console", "/scan", "/upay", "/wechat")
_MAX_FORM: Final = 64 * 1024
_MAX_FIELDS: Final = 100
_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:;"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "content-type": "text/html; charset=utf-8",
    # Under no-referrer a browser sends "Origin: null" with our own forms.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Console:
    """
    Answers browsers.
    """

    def __init__(self, gateway: Gateway, notifier: Notifier) -> None:
        self._world = gateway.world
        # Only our own pages know it: another site cannot post a form with it.
        self._token = secrets.token_urlsafe(24)
        self._renderer = Renderer(self._token)
        self._lists = ListPages(gateway)
        self._customer = CustomerPages(gateway.world)
        self._forms = Forms(gateway, notifier)

    def serves(self, path: str) -> bool:
        """
        Tell whether *path* is a page of the console.
        """
        return path == "/" or path.startswith(tuple(f"{place}/" for place in _PLACES))

    def answer(self, request: Request) -> Answer:
        """
        Answer one request with a page, a redirect or the style sheet.
        """
        query = _query(request.query)
        language = choose(
            query.get("lang", ""),
            _cookie(request.headers.get("cookie", "")),
            request.headers.get("accept-language", ""),
        )

        if request.path == "/console/style.css":
            return Answer(
                headers={"content-type": "text/css; charset=utf-8"},
                body=self._renderer.style,
            )

        try:
            tick(self._world)
            answer = self._answer(request, query, language)
        except PageRefused as refused:
            answer = self._trouble(refused.status, str(refused), language)
        except NotHereError as bad:
            answer = self._trouble(bad.status, str(bad), language)
        except Refusal as refusal:
            answer = self._trouble(404, refusal.detail, language)
        except ConfigError as error:
            answer = self._trouble(400, error.what.en, language)

        if query.get("lang") in LANGUAGES:
            answer.headers["set-cookie"] = (
                f"lang={language}; Path=/; SameSite=Strict; HttpOnly; Max-Age=31536000"
            )

        return answer

    def _answer(
        self, request: Request, query: Mapping[str, str], language: str
    ) -> Answer:
        if request.method == "POST":
            form = self._form(request)
            page_or_path = self._forms.submit(request.path, form)

            if isinstance(page_or_path, str):
                return Answer(status=303, headers={"location": page_or_path})

            return self._shown(page_or_path, language)

        if request.method not in ("GET", "HEAD"):
            raise PageRefused(405, "GET or POST")

        page = self._customer.page(request.path, query) or self._lists.page(
            request.path
        )

        if page is None:
            return self._trouble(404, "", language)

        return self._shown(page, language)

    def _form(self, request: Request) -> dict[str, str]:
        # A browser says where a form comes from; one that does not is not believed.
        site = request.headers.get("sec-fetch-site", "same-origin")
        origin = request.headers.get("origin")
        host = request.headers.get("host", "")

        if site != "same-origin" or (origin is not None and origin != f"http://{host}"):
            raise PageRefused(403, "the form is of another site")

        if len(request.body) > _MAX_FORM or request.oversized:
            raise PageRefused(413, "the form is too long")

        try:
            form = dict(
                parse_qsl(
                    request.body.decode(),
                    keep_blank_values=True,
                    max_num_fields=_MAX_FIELDS,
                )
            )
        except ValueError:
            raise PageRefused(400, "this is no form") from None

        if not hmac.compare_digest(
            form.pop("token", "").encode(), self._token.encode()
        ):
            raise PageRefused(403, "the form is old: open the page again")

        return form

    def _shown(self, page: Page, language: str) -> Answer:
        html = self._renderer.render(
            page, language=language, now=self._world.clock.now()
        )

        return Answer(status=page.status, headers=dict(_HEADERS), body=html)

    def _trouble(self, status: int, why: str, language: str) -> Answer:
        trouble: dict[str, Any] = {"why": why, "missing": status == 404}

        return self._shown(Page("trouble.html", trouble, status=status), language)


def _query(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text, max_num_fields=_MAX_FIELDS))
    except ValueError:
        # No page of ours has that many.
        return {}


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get("lang")
    except CookieError:
        return ""

    return "" if found is None else found.value
