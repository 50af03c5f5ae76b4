"""
The gateway without a network: one request in, one answer out.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import attrs

from umfpay.emulator import _customs as customs
from umfpay.emulator import _payments as payments
from umfpay.emulator import _refunds as refunds
from umfpay.emulator import _registers as registers
from umfpay.emulator import _statements as statements
from umfpay.emulator import _tokens as tokens
from umfpay.emulator._faults import Fault, FaultPlan
from umfpay.emulator._refusal import Refusal
from umfpay.emulator._store import Document
from umfpay.emulator._transitions import tick
from umfpay.emulator._wire import canonical, with_old_names
from umfpay.emulator._world import Members, World
from umfpay.protocol import (
    JSONRefusedError,
    Signer,
    Verifier,
    dump_json,
    parse_json,
    sign_envelope,
)


BASE_PATH: Final = "/cberest/v1"

_log = logging.getLogger("umfpay.emulator")

_HTML: Final = b"<html><head><title>%d</title></head><body><h1>%d</h1></body></html>"
_PAY: Final = r"/payments/payment/(PAY_[A-Z2-7]+)"


@attrs.frozen(kw_only=True)
class Request:
    """
    A request as it came: header names in lower case.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str]
    body: bytes = b""


@attrs.define(kw_only=True)
class Answer:
    """
    An answer, or the order to cut the connection.
    """

    status: int = 200
    headers: dict[str, str] = attrs.field(factory=dict)
    body: bytes = b""
    drop: bool = False
    delay: float = 0.0


Handler = Callable[..., Members | bytes]


@attrs.frozen
class Endpoint:
    """
    A method and path, its handler, and how its answer is signed.
    """

    method: str
    path: re.Pattern[str]
    handler: Handler
    signed: bool = True
    file: bool = False


def _end(method: str, path: str, handler: Handler, **style: bool) -> Endpoint:
    return Endpoint(method, re.compile(path), handler, **style)


_ENDPOINTS: Final = (
    _end("GET", r"/bank", registers.banks),
    _end("POST", r"/payments/payment", payments.create),
    _end("POST", rf"{_PAY}/verify", payments.verify),
    _end("POST", rf"{_PAY}/execute", payments.execute),
    _end("GET", _PAY, payments.query),
    # Older link forms (5.6).
    _end("POST", rf"{_PAY}/query", payments.query),
    _end("POST", rf"{_PAY}/refund", refunds.create),
    _end("GET", r"/payments/refund/(REFUND_[A-Z2-7]+)", refunds.query),
    _end("POST", rf"{_PAY}/apply_to_customs", customs.apply),
    _end("GET", r"/payments/customs_ ?declarations/(CUST_[A-Z2-7]+)", customs.query),
    _end("POST", rf"{_PAY}/update_express_info", payments.update_express_info),
    _end("POST", r"/apply_to_customes_only", customs.apply_only),
    _end("POST", r"/declare_again", customs.declare_again),
    _end("GET", r"/exchange_rate", registers.exchange_rate),
    _end("GET", r"/payments/wechat_openid", registers.wechat_openid, signed=False),
    _end("POST", r"/enterprise_qualification", registers.register),
    _end("GET", r"/enterprise_qualification/(EQ_[A-Z2-7]+)", registers.enterprise),
    _end("GET", r"/payments/transactions", statements.transactions),
    _end("GET", r"/payments/reconciliation_statement", statements.reconciliation),
    _end(
        "GET",
        r"/payments/transactions_download",
        statements.transactions_file,
        file=True,
    ),
    _end(
        "GET",
        r"/payments/reconciliation_statement_download",
        statements.reconciliation_file,
        file=True,
    ),
    _end("GET", r"/payments/customs_download", statements.customs_file, file=True),
)
_NEEDS_QUERY: Final = frozenset(
    {
        registers.banks,
        registers.exchange_rate,
        registers.wechat_openid,
        statements.customs_file,
        statements.reconciliation,
        statements.reconciliation_file,
        statements.transactions,
        statements.transactions_file,
    }
)


class Gateway:
    """
    Answers requests by the books of *world*.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.plan = FaultPlan()
        self._signer = Signer(world.credentials.gateway_key)
        self._verifier = Verifier([world.credentials.merchant_key.public])

    def answer(self, request: Request) -> Answer:
        """
        Answer one request; write down what came and why it was refused.
        """
        path = re.sub(r"/+", "/", request.path).rstrip("/") or "/"
        struck = self._strike(request, path)
        before = next((one for one in struck if one.kind in _CUTS_BEFORE), None)
        record = self._record(request, path, struck)
        delay = sum(one.seconds for one in struck if one.kind == "delay")

        if before is not None:
            answer = self._cut(before)
        else:
            answer = self._work(request, path, record, struck)
            after = next((one for one in struck if one.kind in _CUTS_AFTER), None)

            if after is not None:
                answer = self._cut(after)

        answer.delay = delay
        record["status"] = 0 if answer.drop else answer.status
        self.world.store.log("request", str(record["number"]), record)

        return answer

    def _strike(self, request: Request, path: str) -> list[Fault]:
        struck = self.plan.strike(_CALL_FAULTS, method=request.method, path=path)

        for one in struck:
            if one.kind == "steal_token":
                tokens.fresh(self.world, by="outsider")
            elif one.kind == "skew_clock":
                self.world.clock.advance(one.seconds)

        return struck

    def _record(self, request: Request, path: str, struck: list[Fault]) -> Document:
        is_token = path.endswith("/oauth/authorize")

        return {
            "number": self.world.number("request"),
            "at": self.world.clock.now().isoformat(),
            "method": request.method,
            "path": path,
            "query": request.query,
            # Sealed members may be kept; the secret of a token request may not.
            "body": "" if is_token else request.body[:65536].decode("utf-8", "replace"),
            "headers": {
                name: "***" if name == "authorization" else value
                for name, value in request.headers.items()
            },
            "faults": [one.kind for one in struck],
            "ret_code": "",
            "reason": "",
        }

    def _cut(self, fault: Fault) -> Answer:
        if fault.kind.startswith("drop"):
            return Answer(drop=True)

        if fault.kind == "busy":
            return self._html(429, {"retry-after": str(max(1, round(fault.seconds)))})

        return self._html(fault.status)

    def _html(self, status: int, headers: Mapping[str, str] | None = None) -> Answer:
        return Answer(
            status=status,
            headers={"content-type": "text/html", **(headers or {})},
            body=_HTML % (status, status),
        )

    def _work(
        self, request: Request, path: str, record: Document, struck: list[Fault]
    ) -> Answer:
        tick(self.world)

        try:
            with self.world.store.transaction():
                result, endpoint = self._result(request, path)
        except Refusal as refusal:
            record["ret_code"] = refusal.code
            record["reason"] = refusal.detail

            return self._refused(refusal)
        except Exception:
            # A bug here is still the gateway's "system error", never a traceback.
            _log.exception("%s %s", request.method, path)
            record["ret_code"] = "00060999"
            record["reason"] = "a bug of the emulator; see its log"

            return self._refused(Refusal("00060999"))

        record["ret_code"] = "0000"

        if isinstance(result, bytes):
            return self._file(result, struck)

        return self._signed(result, endpoint, struck)

    def _result(
        self, request: Request, path: str
    ) -> tuple[Members | bytes, Endpoint | None]:
        if not path.startswith(f"{BASE_PATH}/"):
            raise Refusal("00060700", f"no such path: {path[:200]}", status=404)

        local = path.removeprefix(BASE_PATH)
        body: Any = None

        if request.method == "POST":
            body = _body(request.body)

        if local == "/oauth/authorize" and request.method == "POST":
            return tokens.issue(self.world, body), None

        endpoint, keys = _route(request.method, local)
        tokens.check(self.world, request.headers.get("authorization"))

        if request.method == "POST":
            self._check_signature(request)

        arguments: list[Any] = list(keys)

        if request.method == "POST" and endpoint.handler is not payments.query:
            arguments.append(body)
        elif endpoint.handler in _NEEDS_QUERY:
            arguments.append(dict(parse_qsl(request.query, keep_blank_values=True)))

        return endpoint.handler(self.world, *arguments), endpoint

    def _check_signature(self, request: Request) -> None:
        signature = request.headers.get("signature", "")

        if not signature:
            raise Refusal("00060710", "no header Signature")

        if not self._verifier.verify(request.body, signature):
            raise Refusal(
                "00060710", "the header Signature does not verify over the raw body"
            )

    def _signed(
        self, members: Members, endpoint: Endpoint | None, struck: list[Fault]
    ) -> Answer:
        settings = self.world.settings
        kinds = {one.kind for one in struck}

        if endpoint is None:
            # The token's answer: access_token first, no signature (2.2).
            return _json(200, dump_json(members), None)

        if settings.names == "old":
            members = with_old_names(members)

        meta = {"ret_msg": "Success", "ret_code": "0000"}
        place = settings.signature

        if (
            "unsign" in kinds
            or (not endpoint.signed and place == "meta")
            or not endpoint.signed
        ):
            place = "none"

        body, header = sign_envelope(
            {"meta": meta, **members}, signer=self._signer, place=place
        )

        if "forge" in kinds:
            body = body.replace(b'"Success"', b'"success"', 1)

        return _json(200, body, header)

    def _file(self, content: bytes, struck: list[Fault]) -> Answer:
        kinds = {one.kind for one in struck}
        headers = {"content-type": "text/plain; charset=utf-8"}

        if (
            self.world.settings.signature in ("header", "both")
            and "unsign" not in kinds
        ):
            headers["signature"] = self._signer.sign(content)

        if "forge" in kinds:
            content = content.replace(b"TRANSDETAIL", b"TRANSDETAIL ", 1)

        return Answer(headers=headers, body=content)

    def _refused(self, refusal: Refusal) -> Answer:
        settings = self.world.settings
        members = {"meta": {"ret_msg": refusal.message, "ret_code": refusal.code}}

        if refusal.code == tokens.DEAD:
            return self._token_refused(members)

        if settings.refusals == "html" and refusal.status != 200:
            return self._html(refusal.status)

        signed = settings.refusals == "signed"
        body, header = sign_envelope(
            members, signer=self._signer, place=settings.signature if signed else "none"
        )

        return _json(refusal.status, body, header)

    def _token_refused(self, members: Members) -> Answer:
        kind = self.world.settings.token_refusal

        if kind == "html_401":
            return self._html(401)

        if kind == "empty_401":
            return Answer(status=401)

        place = self.world.settings.signature if kind == "signed_200" else "none"
        body, header = sign_envelope(members, signer=self._signer, place=place)

        return _json(401 if kind == "json_401" else 200, body, header)


_CALL_FAULTS: Final = (
    "delay",
    "drop_before",
    "drop_after",
    "error_before",
    "error_after",
    "busy",
    "forge",
    "unsign",
    "steal_token",
    "skew_clock",
)
_CUTS_BEFORE: Final = frozenset({"drop_before", "error_before", "busy"})
_CUTS_AFTER: Final = frozenset({"drop_after", "error_after"})


def _json(status: int, body: bytes, header: str | None) -> Answer:
    headers = {"content-type": "application/json; charset=utf-8"}

    if header is not None:
        headers["signature"] = header

    return Answer(status=status, headers=headers, body=body)


def _body(raw: bytes) -> dict[str, Any]:
    try:
        value = parse_json(raw)
    except JSONRefusedError as refusal:
        raise Refusal("00060700", f"the body: {refusal}") from None

    if not isinstance(value, dict):
        raise Refusal("00060700", "the body is not an object")

    found: dict[str, Any] = canonical(value)

    return found


def _route(method: str, path: str) -> tuple[Endpoint, tuple[str, ...]]:
    other = False

    for endpoint in _ENDPOINTS:
        match = endpoint.path.fullmatch(path)

        if match is None:
            continue

        if endpoint.method == method:
            return endpoint, match.groups()

        other = True

    if other:
        raise Refusal("00060700", f"{method} is not for {path[:200]}", status=405)

    raise Refusal("00060700", f"no such path: {path[:200]}", status=404)
