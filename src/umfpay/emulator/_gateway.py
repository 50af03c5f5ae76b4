"""
The gateway without a network: one request in, one answer out.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
from typing import Any, Final
from urllib.parse import parse_qsl

from umfpay.emulator import _tokens as tokens
from umfpay.emulator._faults import CALL_KINDS, Fault, FaultPlan
from umfpay.emulator._gateway_state import BASE_PATH, GatewayState, Members
from umfpay.emulator._members import canonical, with_old_names
from umfpay.emulator._messages import (
    Answer,
    BodyError,
    Refusal,
    Request,
    cut_answer,
    html_answer,
    json_answer,
    log_internal_error,
)
from umfpay.emulator._request_log import entry_of
from umfpay.emulator._routes import SUCCESS, Endpoint, route
from umfpay.emulator._settings import Place
from umfpay.emulator._store import Document
from umfpay.emulator._transitions import run_due
from umfpay.errors import escape
from umfpay.protocol import (
    Signer,
    Verifier,
    sign_envelope,
)


_MAX_TOKEN_CALL_BYTES: Final = 65_536
_MAX_PATH_CHARACTERS: Final = 2_000
_SYSTEM_ERROR_CODE: Final = "00060999"
_FAULTS_BEFORE_WORK: Final = frozenset({"drop_before", "error_before", "busy"})
_FAULTS_AFTER_WORK: Final = frozenset({"drop_after", "error_after"})


_log: Final = logging.getLogger("umfpay.emulator")


class Gateway:
    """
    Answers requests by the books of *gateway_state*.
    """

    def __init__(self, gateway_state: GatewayState) -> None:
        self.gateway_state = gateway_state
        self.plan = FaultPlan()
        self._signer = Signer(gateway_state.merchants.first.gateway_key)
        self._verifiers: dict[str, Verifier] = {}

    async def answer(self, request: Request) -> Answer:
        """
        Answer one request; write down what came and why it was refused.

        Whatever goes wrong here is the gateway's "system error".
        """
        path = re.sub(r"/+", "/", request.path).rstrip("/") or "/"

        try:
            answer, record = await self._answer(request, path)
        except Exception as error:  # noqa: BLE001 (told)
            log_internal_error(error, f"{request.method} {path}")

            return self._refuse(Refusal(_SYSTEM_ERROR_CODE))

        if record["reason"]:
            _log.info(
                "%s %s: %s %s",
                request.method,
                escape(path),
                record["ret_code"],
                escape(record["reason"]),
            )

        try:
            self.gateway_state.store.log("request", str(record["number"]), record)
        except sqlite3.Error as error:
            # What was done was done: the merchant gets its answer.
            log_internal_error(error, f"{request.method} {path}")

        return answer

    async def _answer(self, request: Request, path: str) -> tuple[Answer, Document]:
        struck = self._strike(request, path)
        before = next((one for one in struck if one.kind in _FAULTS_BEFORE_WORK), None)
        record = self._record(request, path, struck)

        if before is not None:
            answer = cut_answer(before)
        else:
            answer = await self._work(request, path, record, struck)
            after = next(
                (one for one in struck if one.kind in _FAULTS_AFTER_WORK), None
            )

            if after is not None:
                answer = cut_answer(after)

        answer.delay = sum(one.seconds for one in struck if one.kind == "delay")
        record["status"] = 0 if answer.drop else answer.status

        return answer, record

    def _strike(self, request: Request, path: str) -> list[Fault]:
        struck = self.plan.strike(
            CALL_KINDS, method=request.method, path=path.removeprefix(BASE_PATH)
        )

        for one in struck:
            if one.kind == "steal_token":
                tokens.steal(self.gateway_state)
            elif one.kind == "skew_clock":
                self.gateway_state.move_clock(one.seconds)

        return struck

    def _record(self, request: Request, path: str, struck: list[Fault]) -> Document:
        return {
            "number": self.gateway_state.number("request"),
            "at": self.gateway_state.clock.now().isoformat(),
            "path": path[:_MAX_PATH_CHARACTERS],
            **entry_of(request),
            "client_id": "",
            "faults": [one.kind for one in struck],
            "ret_code": "",
            "reason": "",
        }

    async def _work(
        self, request: Request, path: str, record: Document, struck: list[Fault]
    ) -> Answer:
        try:
            run_due(self.gateway_state)

            with self.gateway_state.store.transaction():
                result, endpoint = self._result(request, path, record)

            if asyncio.iscoroutine(result):
                result = await result
        except Refusal as refusal:
            record["ret_code"] = refusal.code
            record["reason"] = refusal.detail

            return self._refuse(refusal)
        except sqlite3.Error:
            # Nothing can be written down now, this call neither.
            raise
        except Exception as error:  # noqa: BLE001 (told)
            record["ret_code"] = _SYSTEM_ERROR_CODE
            record["reason"] = log_internal_error(error, f"{request.method} {path}").en

            return self._refuse(Refusal(_SYSTEM_ERROR_CODE))

        record["ret_code"] = "0000"

        if isinstance(result, bytes):
            return self._file(result, struck)

        return self._sign(result, endpoint, struck)

    def _result(
        self, request: Request, path: str, record: Document
    ) -> tuple[Any, Endpoint | None]:
        if not path.startswith(f"{BASE_PATH}/"):
            raise Refusal("00060700", f"no such path: {path[:200]}", status=404)

        local = path.removeprefix(BASE_PATH)

        if local == "/oauth/authorize" and request.method == "POST":
            if len(request.body) > _MAX_TOKEN_CALL_BYTES:
                # Nobody has shown yet who it is: it is not read.
                raise Refusal("00060700", "the body is too long", status=400)

            return tokens.issue(self.gateway_state, _members_of(request)), None

        endpoint, keys = route(request.method, local)
        merchant = tokens.check(
            self.gateway_state, request.headers.get("authorization")
        )
        record["client_id"] = merchant
        arguments: list[Any] = list(keys)

        if endpoint.needs == "body":
            self._check_signature(request, merchant)
            arguments.append(_members_of(request))
        elif endpoint.needs == "query":
            arguments.append(dict(parse_qsl(request.query, keep_blank_values=True)))

        return endpoint.handler(self.gateway_state, merchant, *arguments), endpoint

    def _check_signature(self, request: Request, merchant: str) -> None:
        if request.oversized:
            raise Refusal("00060700", "the body is too long")

        signature = request.headers.get("signature", "")

        if not signature:
            raise Refusal("00060710", "no header Signature")

        if not self._verifier(merchant).verify(request.body, signature):
            raise Refusal(
                "00060710", "the header Signature does not verify over the raw body"
            )

    def _verifier(self, merchant: str) -> Verifier:
        if merchant not in self._verifiers:
            known = self.gateway_state.merchants.get(merchant)
            # Its token was checked before.
            assert known is not None

            self._verifiers[merchant] = Verifier([known.merchant_key.public])

        return self._verifiers[merchant]

    def _sign(
        self, members: Members, endpoint: Endpoint | None, struck: list[Fault]
    ) -> Answer:
        settings = self.gateway_state.settings
        kinds = {one.kind for one in struck}

        place = settings.signature

        # The token's answer has no sign, nor had the sample of 2017 of another; the
        # header of that autumn was on all (gateway.md 2.2, 3.2, 5.14).
        if endpoint is None or not endpoint.signed:
            place = "header" if place in ("header", "both") else "none"

        if "unsign" in kinds:
            place = "none"

        if endpoint is None:
            return json_answer(200, *self._write(members, place))

        if settings.names == "old":
            members = with_old_names(members)

        meta = dict(endpoint.meta)

        if meta["ret_msg"] == SUCCESS:
            meta["ret_msg"] = settings.ret_msg

        body, signature = self._write({"meta": meta, **members}, place)

        if "forge" in kinds:
            words = f'"{meta["ret_msg"]}"'.encode()
            body = body.replace(words, words.swapcase(), 1)

        return json_answer(200, body, signature)

    def _write(self, members: Members, place: Place) -> tuple[bytes, str | None]:
        """
        Return the body of an answer and its header Signature, None if it has none.
        """
        body, signature = sign_envelope(members, signer=self._signer, place=place)

        if self.gateway_state.settings.answer_end == "crlf":
            body += b"\r\n"
            signature = None if signature is None else self._signer.sign(body)

        return body, signature

    def _file(self, content: bytes, struck: list[Fault]) -> Answer:
        kinds = {one.kind for one in struck}
        headers = {"content-type": "text/plain; charset=utf-8"}
        place = self.gateway_state.settings.signature

        if place in ("header", "both") and "unsign" not in kinds:
            headers["signature"] = self._signer.sign(content)

        if "forge" in kinds:
            content = content.replace(b"TRANSDETAIL", b"TRANSDETAIL ", 1)

        return Answer(headers=headers, body=content)

    def _refuse(self, refusal: Refusal) -> Answer:
        settings = self.gateway_state.settings
        members = {"meta": {"ret_msg": refusal.message, "ret_code": refusal.code}}

        if refusal.code == tokens.DEAD_TOKEN_CODE:
            return self._refuse_token(members)

        if settings.refusals == "html":
            return html_answer(refusal.status if refusal.status != 200 else 400)

        place = settings.signature if settings.refusals == "signed" else "none"

        return json_answer(refusal.status, *self._write(members, place))

    def _refuse_token(self, members: Members) -> Answer:
        kind = self.gateway_state.settings.token_refusal

        if kind == "html_401":
            return html_answer(401)

        if kind == "empty_401":
            return Answer(status=401)

        place = (
            self.gateway_state.settings.signature if kind == "signed_200" else "none"
        )

        return json_answer(
            401 if kind == "json_401" else 200, *self._write(members, place)
        )


def _members_of(request: Request) -> Members:
    """
    Return the object that was sent, with today's names.
    """
    try:
        found: Members = canonical(request.read_object())
    except BodyError as error:
        raise Refusal("00060700", str(error)) from None

    return found
