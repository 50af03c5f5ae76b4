"""
Requests of a browser to pages, and forms to what they change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlencode

from umfpay.emulator._console._customer import CustomerPages
from umfpay.emulator._console._forms import MAX_FIELDS, FormGate, Forms
from umfpay.emulator._console._lists import ListPages
from umfpay.emulator._console._pages import (
    LANGUAGES,
    Page,
    PageRefused,
    Renderer,
    choose,
    other_language,
)
from umfpay.emulator._control import Control
from umfpay.emulator._gateway import Gateway
from umfpay.emulator._messages import Answer, Request, failure_of
from umfpay.emulator._transitions import run_due


_STYLE_PATH: Final = "/console/style.css"
_PAGE_PREFIXES: Final = ("/console", "/scan", "/upay", "/wechat")
_PAGE_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:;"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "content-type": "text/html; charset=utf-8",
    # It tells other sites nothing. Under no-referrer a browser would send
    # "Origin: null" with our own forms, as it does with those of a hostile page.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Console:
    """
    Answers browsers.
    """

    def __init__(self, gateway: Gateway, control: Control) -> None:
        self._gateway_state = gateway.gateway_state
        self._gate = FormGate()
        self._renderer = Renderer(self._gate.token)
        self._lists = ListPages(gateway)
        self._customer = CustomerPages(gateway.gateway_state)
        self._forms = Forms(gateway, control, self._customer)

    def serves(self, path: str) -> bool:
        """
        Tell whether *path* is a page of the console.
        """
        return path == "/" or path.startswith(
            tuple(f"{place}/" for place in _PAGE_PREFIXES)
        )

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

        try:
            answer = self._answer(request, query, language)
        except PageRefused as bad:
            answer = self._error_page(bad.status, bad.word, bad.detail, language)
        except Exception as error:  # noqa: BLE001 (told)
            failure = failure_of(error, f"{request.method} {request.path}")
            detail = failure.zh if language == "zh" else failure.en
            answer = self._error_page(failure.status, "", detail, language)

        if query.get("lang") in LANGUAGES:
            answer.headers["set-cookie"] = (
                f"lang={language}; Path=/; SameSite=Strict; HttpOnly; Max-Age=31536000"
            )

        return answer

    def _answer(
        self, request: Request, query: Mapping[str, str], language: str
    ) -> Answer:
        if request.method == "POST":
            form = self._gate.read(request)
            run_due(self._gateway_state)
            page_or_path = self._forms.submit(request.path, form)

            if isinstance(page_or_path, str):
                return Answer(status=303, headers={"location": page_or_path})

            return self._render(page_or_path, language)

        if request.method not in ("GET", "HEAD"):
            raise PageRefused(405, "wrong_verb")

        if request.path == _STYLE_PATH:
            return Answer(
                headers={
                    "content-type": "text/css; charset=utf-8",
                    "x-content-type-options": "nosniff",
                },
                body=self._renderer.style,
            )

        run_due(self._gateway_state)
        page = self._customer.page(request.path, query) or self._lists.page(
            request.path
        )

        if page is None:
            raise PageRefused(404, "")

        other = urlencode({**query, "lang": other_language(language)})

        return self._render(page, language, switch=f"?{other}")

    def _render(
        self, page: Page, language: str, *, switch: str | None = None
    ) -> Answer:
        html = self._renderer.render(
            page, language=language, now=self._gateway_state.clock.now(), switch=switch
        )

        return Answer(status=page.status, headers=dict(_PAGE_HEADERS), body=html)

    def _error_page(self, status: int, word: str, detail: str, language: str) -> Answer:
        trouble = {"word": word, "detail": detail, "missing": status == 404}
        answer = self._render(Page("trouble.html", trouble, status=status), language)

        if status == 405:
            answer.headers["allow"] = "GET, HEAD, POST"

        return answer


def _query(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text, max_num_fields=MAX_FIELDS))
    except ValueError:
        # No page of ours has that many.
        return {}


def _cookie(header: str) -> str:
    # Cookies know no ports: those of other servers here may have any form.
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")

        if name == "lang":
            return value

    return ""
