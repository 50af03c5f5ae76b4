"""
User hooks (signer, verifier, transport): whatever they raise becomes one of our errors.

Its own error is the cause, without the frames, which hold bodies and tokens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Final, cast

from umfpay.errors import ConfigError, Text, TransportError, UMFError
from umfpay.protocol import PublicKey
from umfpay.transport._call import CallState
from umfpay.transport._custom import ResponseVerifier
from umfpay.transport._errors import without_traceback
from umfpay.transport._exchange import HTTPExchangeError
from umfpay.transport._refusals import call_name
from umfpay.transport._signing import BodySigner, RequestSigner


_SIGNER_ADVICE: Final = Text(
    "Mend the signer, or what it asks; the call can be made again.",
    "请修复 signer 或其依赖的服务；可以重新调用。",
)
_VERIFIER_ADVICE: Final = Text(
    "Mend the response_verifier; do not use the answer.",
    "请修复 response_verifier；请勿使用该应答。",
)
_TRANSPORT_ADVICE: Final = Text(
    "Mend the transport; a read can be made again, for anything else ask the gateway"
    " first.",
    "请修复 transport；查询可以重试，其他操作请先向网关查询。",
)


class _UserSigner:
    """
    A user's signer in the form of our own.
    """

    def __init__(self, signer: BodySigner) -> None:
        self._signer = signer

    @property
    def off_loop(self) -> bool:
        with _translate_errors(_signer_error):
            return self._signer.off_loop

    def sign(self, data: bytes) -> str:
        with _translate_errors(_signer_error):
            return self._signer.sign(data)


def wrap_signer(signer: RequestSigner) -> RequestSigner:
    """
    Return *signer* so that its errors are `ConfigError`.
    """
    if hasattr(signer, "sign"):
        return _UserSigner(cast("BodySigner", signer))

    async def sign(body: bytes) -> str:
        with _translate_errors(_signer_error):
            return await signer(body)

    return sign


def wrap_verifier(decide: ResponseVerifier) -> ResponseVerifier:
    """
    Return *decide* so that its errors are `ConfigError`.
    """

    def decided(body: bytes, signature: str, keys: Sequence[PublicKey]) -> bool:
        with _translate_errors(_verifier_error):
            return decide(body, signature, keys)

    return decided


@contextmanager
def _translate_errors(
    wrapped: Callable[[BaseException], UMFError],
    *,
    passing: tuple[type[Exception], ...] = (UMFError,),
) -> Iterator[None]:
    try:
        yield
    except passing:
        raise
    except (Exception, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and _is_cancelled():
            raise

        raise wrapped(error) from without_traceback(error)


def translate_transport_errors(state: CallState) -> AbstractContextManager[None]:
    """
    Give what a user's transport raises as `TransportError`, but for what is understood.
    """
    return _translate_errors(
        partial(_transport_error, state), passing=(UMFError, HTTPExchangeError)
    )


def _is_cancelled() -> bool:
    """
    Tell whether somebody cancelled the task that runs; a thread runs none.
    """
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False

    return task is not None and task.cancelling() > 0


def _transport_error(state: CallState, error: BaseException) -> TransportError:
    name = type(error).__name__
    sent = state.may_have_been_sent()
    truth = (
        Text("The request may have been sent.", "请求可能已发出。")
        if sent
        else Text("The request was not sent.", "请求未发出。")
    )

    return TransportError(
        f"{call_name(state)}: the transport failed with {name}. {truth.en}",
        f"{call_name(state)}：transport 出错（{name}）。{truth.zh}",
        request_sent=sent,
        advice=_TRANSPORT_ADVICE,
    )


def _signer_error(error: BaseException) -> ConfigError:
    name = type(error).__name__

    return ConfigError(
        f"signer: it failed with {name}; the call was not sent.",
        f"signer：执行出错（{name}）；调用未发出。",
        advice=_SIGNER_ADVICE,
    )


def _verifier_error(error: BaseException) -> ConfigError:
    name = type(error).__name__

    return ConfigError(
        f"response_verifier: it failed with {name}; nobody can say whether the"
        " answer is genuine.",
        f"response_verifier：执行出错（{name}）；无法确定应答是否真实。",
        advice=_VERIFIER_ADVICE,
    )
