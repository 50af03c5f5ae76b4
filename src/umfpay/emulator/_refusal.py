"""
`Refusal`: what a handler raises to refuse a call with a return code.
"""

from __future__ import annotations

from umfpay.protocol import find_code


class Refusal(Exception):  # noqa: N818 (an answer, not an error)
    """
    Raised by handlers: the answer is *code* with the table's words.

    *detail* goes to the request log only, as the reason.
    """

    def __init__(self, code: str, detail: str = "", *, status: int = 200) -> None:
        row = find_code(code)
        self.code = code
        self.status = status
        self.message = row.meaning.en if row is not None else detail
        self.detail = detail or self.message
        super().__init__(code)
