"""
How does a call of ours compare with a call of others' SDKs, each as its documentation
shows it, against the same canned server?

They do not all do the same, and the table says what each does. Whoever signs has a key
of 2048 bits. Every second call creates something, the others query it; no two answers
are the same. By CPU time of the client, in paired rounds, over plain HTTP on loopback.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

import attrs
from cryptography.hazmat.primitives import serialization

from benchmarks._bursts import Caller, Speed, paired
from benchmarks._result import Figure, Result, ratio, versions
from benchmarks.canned import Gateway, Keys, Route, gateway, reply
from benchmarks.orders import POOL, reference, total
from benchmarks.peers import (
    BareAiohttp,
    Newcomer,
    Ours,
    Peer,
    Request,
    check_same,
    seen,
)
from umfpay.protocol import PrivateKey, Signer


OURS: Final = "umfpay"
WECHAT: Final = "wechatpayv3"
_WECHAT_TARGET: Final = 6.0
_BITS: Final = 2048
_KEY_ID: Final = "PUB_KEY_ID_0000000000000000000000000000000001"
_ANSWERS: Final = 500


@attrs.frozen(kw_only=True)
class Rival:
    """
    Who is compared, and what the time is spent on.

    Args:
        make: From the gateway and our two requests to a peer.
        calls: How many it makes in a round; the slow ones make fewer.
    """

    make: Callable[[Gateway, Sequence[Request]], Peer]
    calls: int
    network: str
    signs: str
    verifies: str
    types: str
    deadline: str
    retries: str

    @property
    def words(self) -> tuple[str, ...]:
        """
        What it does, in the order of `HEADER`.
        """
        return (
            self.network,
            self.signs,
            self.verifies,
            self.types,
            self.deadline,
            self.retries,
        )


HEADER: Final = ("network", "signs", "verifies", "types", "deadline", "retries")


class WeChatPay:
    """
    `wechatpayv3.async_.AsyncWeChatPay`: another payment gateway of China, the same RSA.
    """

    def __init__(self, place: Gateway, like: Sequence[Request]) -> None:  # noqa: ARG002
        from wechatpayv3.async_ import AsyncWeChatPay, WeChatPayType

        merchant = serialization.load_der_private_key(place.keys.merchant, None)
        platform = serialization.load_der_private_key(place.keys.gateway, None)
        pem = serialization.Encoding.PEM
        private = merchant.private_bytes(
            pem,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        public = platform.public_key().public_bytes(
            pem, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self._client = AsyncWeChatPay(
            wechatpay_type=WeChatPayType.NATIVE,
            mchid="1230000109",
            private_key=private.decode(),
            cert_serial_no="444F4864EA9B34415A1B2C3D4E5F60718293A4B5",
            appid="wxd678efh567hg6787",
            apiv3_key="0" * 32,
            notify_url="https://shop.example/notify",
            public_key=public.decode(),
            public_key_id=_KEY_ID,
        )
        self._client._core._gate_way = place.origin  # it has no argument for it
        self._stack: AsyncExitStack | None = None

    async def create(self, number: int) -> object:
        await self._open()
        code, text = await self._client.pay(
            description=f"books, parcel {number:05}",
            out_trade_no=reference(number),
            amount={"total": int(100 * total(number)), "currency": "CNY"},
        )

        return _good(code, text)

    async def query(self, number: int) -> object:
        await self._open()
        code, text = await self._client.query(out_trade_no=reference(number))

        return _good(code, text)

    async def _open(self) -> None:
        if self._stack is None:
            self._stack = AsyncExitStack()
            await self._stack.enter_async_context(self._client)

    async def aclose(self) -> None:
        if self._stack is not None:
            await self._stack.aclose()


def _good(code: int, text: str) -> object:
    # It hands out text; whoever uses it parses that.
    if code != 200:
        raise RuntimeError(f"wechatpayv3: {code}")

    return json.loads(text)


class OpenAI:
    """
    `openai.AsyncOpenAI`: typed answers, retries.
    """

    def __init__(self, place: Gateway, like: Sequence[Request]) -> None:  # noqa: ARG002
        from openai import AsyncOpenAI

        self._client = AsyncOpenAI(
            api_key="benchmark",
            base_url=f"{place.origin}/openai/v1",
        )

    async def create(self, number: int) -> object:
        return await self._client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[
                {"role": "system", "content": "You sell books."},
                {"role": "user", "content": f"Where is parcel {number:05}?"},
            ],
        )

    async def query(self, number: int) -> object:
        return await self._client.models.retrieve(f"model-{number:05}")

    async def aclose(self) -> None:
        await self._client.close()


class Stripe:
    """
    `stripe.StripeClient` with its httpx: typed answers, retries.
    """

    def __init__(self, place: Gateway, like: Sequence[Request]) -> None:  # noqa: ARG002
        import stripe

        self._http = stripe.HTTPXClient()
        self._client = stripe.StripeClient(
            "sk_test_benchmark",
            base_addresses={"api": place.origin},
            http_client=self._http,
        )

    async def create(self, number: int) -> object:
        return await self._client.v1.payment_intents.create_async(
            {
                "amount": int(100 * total(number)),
                "currency": "usd",
                "payment_method_types": ["card"],
                "description": f"books, parcel {number:05}",
                "metadata": {"order": reference(number)},
            }
        )

    async def query(self, number: int) -> object:
        return await self._client.v1.payment_intents.retrieve_async(f"pi_{number:024}")

    async def aclose(self) -> None:
        await self._http.close_async()


_HTTPX: Final = {
    "network": "httpx",
    "types": "no",
    "deadline": "no",
    "retries": "no",
}
RIVALS: Final[Mapping[str, Rival]] = {
    OURS: Rival(
        make=lambda place, like: Ours(place),  # noqa: ARG005
        calls=400,
        network="its own",
        signs="POSTs",
        verifies="RSA, and what was asked",
        types="in and out",
        deadline="whole call",
        retries="where safe",
    ),
    "aiohttp": Rival(
        make=BareAiohttp,
        calls=400,
        network="aiohttp",
        signs="POSTs",
        verifies="RSA",
        types="no",
        deadline="whole call",
        retries="no",
    ),
    "httpx and cryptography": Rival(
        make=lambda place, like: Newcomer(place, like, backend="cryptography"),
        calls=200,
        signs="POSTs",
        verifies="RSA",
        **_HTTPX,
    ),
    "httpx and pycryptodome": Rival(
        make=lambda place, like: Newcomer(place, like, backend="pycryptodome"),
        calls=200,
        signs="POSTs",
        verifies="RSA",
        **_HTTPX,
    ),
    WECHAT: Rival(
        make=WeChatPay,
        calls=200,
        signs="all calls",
        verifies="RSA",
        **_HTTPX,
    ),
    "openai": Rival(
        make=OpenAI,
        calls=200,
        network="httpx2",
        signs="no",
        verifies="no",
        types="out",
        deadline="no",
        retries="2, any call",
    ),
    "stripe": Rival(
        make=Stripe,
        calls=200,
        network="httpx",
        signs="no",
        verifies="no",
        types="out",
        deadline="no",
        retries="2, with a key",
    ),
}


def routes(keys: Keys) -> list[Route]:
    """
    Return what the server answers to the SDKs that talk to other gateways.
    """
    signer = Signer(PrivateKey.load(keys.gateway))
    numbers = range(_ANSWERS)

    def signed(value: Mapping[str, Any]) -> bytes:
        return _wechat_answer(signer, value)

    def route(line: str, answers: Iterator[bytes]) -> Route:
        return Route(
            line=line,
            answers={
                str(number): answer
                for number, answer in zip(itertools.count(), answers, strict=False)
            },
        )

    return [
        route(
            "POST /v3/pay/transactions/native",
            (
                signed({"code_url": f"weixin://wxpay/bizpayurl?pr=p{number:08}"})
                for number in numbers
            ),
        ),
        route(
            "GET /v3/pay/transactions/out-trade-no",
            (signed(_wechat_order(number)) for number in numbers),
        ),
        route(
            "POST /openai/v1/chat/completions",
            (_plain(_completion(number)) for number in numbers),
        ),
        route("GET /openai/v1/models", (_plain(_model(number)) for number in numbers)),
        route(
            "POST /v1/payment_intents", (_plain(_intent(number)) for number in numbers)
        ),
        route(
            "GET /v1/payment_intents", (_plain(_intent(number)) for number in numbers)
        ),
    ]


def _plain(value: Mapping[str, Any]) -> bytes:
    return reply(json.dumps(value).encode())


def _wechat_answer(signer: Signer, value: Mapping[str, Any]) -> bytes:
    body = json.dumps(value, separators=(",", ":"))
    stamp, nonce = str(int(time.time())), "c5ac7061fccab6bf3e254dcf98995b8c"

    return reply(
        body.encode(),
        Wechatpay_Nonce=nonce,
        Wechatpay_Timestamp=stamp,
        Wechatpay_Serial=_KEY_ID,
        Wechatpay_Signature=signer.sign(f"{stamp}\n{nonce}\n{body}\n".encode()),
        Wechatpay_Signature_Type="WECHATPAY2-SHA256-RSA2048",
    )


def _wechat_order(number: int) -> dict[str, Any]:
    cents = int(100 * total(number))

    return {
        "amount": {
            "currency": "CNY",
            "payer_currency": "CNY",
            "payer_total": cents,
            "total": cents,
        },
        "appid": "wxd678efh567hg6787",
        "attach": "",
        "bank_type": "OTHERS",
        "mchid": "1230000109",
        "out_trade_no": reference(number),
        "payer": {"openid": f"oUpF8uMuAJO_M2pxb1Q9zNj{number:05}"},
        "promotion_detail": [],
        "success_time": "2026-11-23T10:34:56+08:00",
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "trade_type": "NATIVE",
        "transaction_id": f"12177525012014070332{number:08}",
    }


def _completion(number: int) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{number:024}",
        "object": "chat.completion",
        "created": 1_795_400_000 + number,
        "model": "gpt-4o-mini",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": f"Parcel {number:05} is under way.",
                    "refusal": None,
                    "annotations": [],
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 19,
            "completion_tokens": 10,
            "total_tokens": 29,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
    }


def _model(number: int) -> dict[str, Any]:
    return {
        "id": f"model-{number:05}",
        "object": "model",
        "created": 1_795_400_000 + number,
        "owned_by": "benchmark",
    }


def _intent(number: int) -> dict[str, Any]:
    name = f"pi_{number:024}"

    return {
        "id": name,
        "object": "payment_intent",
        "amount": int(100 * total(number)),
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "client_secret": f"{name}_secret_{number:024}",
        "confirmation_method": "automatic",
        "created": 1_795_400_000 + number,
        "currency": "usd",
        "customer": None,
        "description": f"books, parcel {number:05}",
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {"order": reference(number)},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
        },
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


@attrs.frozen(kw_only=True)
class Plan:
    """
    How much is measured.

    Args:
        divisor: By how much the calls of a round are fewer.
    """

    concurrency: Sequence[int] = (1, 100)
    rounds: int = 15
    divisor: int = 1


QUICK: Final = Plan(rounds=3)


async def measure(
    place: Gateway, plan: Plan, names: Sequence[str]
) -> dict[int, dict[str, list[Speed]]]:
    """
    Let the rivals called *names* take turns; return their rounds by concurrency.
    """
    ours = Ours(place)
    like = await seen(ours, place)
    await ours.aclose()
    peers = {name: RIVALS[name].make(place, like) for name in names}
    found = {}

    try:
        for name in ("aiohttp", "httpx and cryptography", "httpx and pycryptodome"):
            if name in peers:
                check_same(like, await seen(peers[name], place))

        for concurrency in plan.concurrency:
            rounds = await paired(
                [Caller(peer, place) for peer in peers.values()],
                calls=[RIVALS[name].calls // plan.divisor for name in names],
                concurrency=concurrency,
                rounds=plan.rounds,
            )
            found[concurrency] = dict(zip(names, rounds, strict=True))
    finally:
        for peer in peers.values():
            await peer.aclose()

    return found


def figures(concurrency: int, found: Mapping[str, Sequence[Speed]]) -> list[Figure]:
    """
    Return what was found at one *concurrency*.
    """
    ours = found[OURS]

    return [
        *(
            ratio(
                f"umfpay / {name}, at {concurrency}, by CPU time",
                [speed.cpu for speed in ours],
                [speed.cpu for speed in speeds],
                target=_WECHAT_TARGET if (name, concurrency) == (WECHAT, 100) else None,
            )
            for name, speeds in found.items()
            if name != OURS
        ),
        *(
            ratio(
                f"umfpay / {name}, at {concurrency}, by the clock",
                [speed.clock for speed in ours],
                [speed.clock for speed in speeds],
                is_detail=True,
            )
            for name, speeds in found.items()
            if name != OURS
        ),
        *(_cost(name, concurrency, speeds) for name, speeds in found.items()),
        *(_rate(name, concurrency, speeds) for name, speeds in found.items()),
    ]


def _cost(name: str, concurrency: int, speeds: Sequence[Speed]) -> Figure:
    return Figure(
        label=f"{name}, at {concurrency}, CPU of a call",
        unit="us",
        rounds=[1e6 / speed.cpu for speed in speeds],
        is_detail=True,
    )


def _rate(name: str, concurrency: int, speeds: Sequence[Speed]) -> Figure:
    return Figure(
        label=f"{name}, at {concurrency}, by the clock",
        unit="calls/s",
        rounds=[speed.clock for speed in speeds],
        is_detail=True,
    )


def table(found: Mapping[int, Mapping[str, Sequence[Speed]]]) -> list[Sequence[str]]:
    """
    Return the table: a rival each, what it does and what a call costs.
    """
    header = [
        "",
        *(f"us of CPU at {concurrency}" for concurrency in found),
        *(f"calls/s at {concurrency}" for concurrency in found),
        *HEADER,
    ]
    rows = [
        (
            name,
            *(str(_cost(name, at, speeds[name])) for at, speeds in found.items()),
            *(str(_rate(name, at, speeds[name])) for at, speeds in found.items()),
            *RIVALS[name].words,
        )
        for name in next(iter(found.values()))
    ]

    return [header, *rows]


def run(*, quick: bool) -> Result:
    """
    Compare SDKs; *quick* takes a quarter of a minute and proves nothing.
    """
    return result(QUICK if quick else Plan(), tuple(RIVALS))


def result(plan: Plan, names: Sequence[str]) -> Result:
    """
    Measure what *plan* says.
    """
    keys = Keys.make(_BITS)

    with gateway(keys, others=routes(keys)) as place:
        found = asyncio.run(measure(place, plan, names))

    return Result(
        name="rivals",
        title="A call of ours against a call of other SDKs",
        figures=[
            line
            for concurrency in found
            for line in figures(concurrency, found[concurrency])
        ],
        table=table(found),
        notes=[
            (
                f"RSA-{_BITS}, by cryptography where nothing else is said. Orders of {POOL} numbers for umfpay, aiohttp and httpx, which"
                " send the same bytes; the others talk to their own gateways' paths, with"
                " answers as their documentation shows them."
            ),
            (
                "wechatpayv3 signs queries, too, and hands out text, which is read with"
                " json here. All have a timeout for each read or attempt, and as many"
                " connections as they come with."
            ),
            versions(
                "aiohttp",
                "cryptography",
                "httpx",
                "httpx2",
                "openai",
                "pycryptodome",
                "stripe",
                "wechatpayv3",
            ),
        ],
    )


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["rivals"])
