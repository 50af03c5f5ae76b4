"""
CSRF protection: forms of our own pages are taken, those of other sites are not.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Final
from urllib.parse import parse_qsl

from umfpay.emulator._console._pages import PageRefused
from umfpay.emulator._messages import Request


MAX_FIELDS: Final = 100

_MAX_FORM_BYTES: Final = 64 * 1024


class FormGate:
    """
    Lets forms in that a browser sends from a page of ours.

    Attributes:
        token: What our pages put into their forms; another site cannot know it.
    """

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(24)

    def read(self, request: Request) -> dict[str, str]:
        """
        Return the fields of a form.

        Raises:
            PageRefused: It is of another site, of an earlier start, or no form.
        """
        if not _is_ours(request):
            raise PageRefused(403, "foreign_form")

        if len(request.body) > _MAX_FORM_BYTES or request.oversized:
            raise PageRefused(413, "long_form")

        try:
            form = dict(
                parse_qsl(
                    request.body.decode(),
                    keep_blank_values=True,
                    max_num_fields=MAX_FIELDS,
                )
            )
        except ValueError:
            raise PageRefused(400, "no_form") from None

        if not hmac.compare_digest(form.pop("token", "").encode(), self.token.encode()):
            raise PageRefused(403, "old_form")

        return form


def _is_ours(request: Request) -> bool:
    """
    Tell whether the browser says that a form comes from here.

    Each of the two headers is missing in some browsers; one that sends neither is not
    believed. No page can change them.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")

    if site is None and origin is None:
        return False

    return site in (None, "same-origin") and origin in (
        None,
        f"http://{request.headers.get('host', '')}",
    )
