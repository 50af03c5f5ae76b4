"""
What a user's own signer, verifier or transport raises.
"""

from __future__ import annotations

import asyncio
import pickle
import traceback

import httpx
import pytest

from umfpay._callbacks import translate_errors
from umfpay.errors import ConfigError, TransportError, call_errors
from umfpay.transport import Effect, Failure, HTTPExchangeError, HTTPXAdapter
from umfpay.transport._signing import sign


ERRORS = [ValueError, OSError, TimeoutError, KeyError, asyncio.CancelledError]
OURS = TransportError("x", "x", request_sent=False)


wrap_verifier = translate_errors(call_errors.verifier_failed)


def translate_transport_errors(state):
    return HTTPXAdapter(httpx.MockTransport(lambda request: None)).errors(state)


@pytest.fixture(name="signed")
def _signed(call):
    async def signed(signer):
        """
        Return what *signer* gives, as the pipeline asks it.
        """
        return await sign(call(Effect.MONEY, body=b"{}"), signer, None)

    return signed


def raising(error):
    def fail(*args):
        secret = "sesame"  # noqa: F841
        raise error

    return fail


class Failing:
    """
    A signer that fails where it is asked.
    """

    def __init__(self, error, at):
        self.error = error
        self.at = at
        self.in_thread = False

    @property
    def off_loop(self):
        if self.at == "off_loop":
            raise self.error

        return self.in_thread

    def sign(self, data):
        raise self.error


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("form", ["sign", "coroutine", "off_loop"])
async def test_a_signer_that_fails_is_a_mistake_of_its_settings(signed, error, form):
    """Its own error is the cause, without frames; nothing was sent."""
    made = error("x")

    async def fail(body):
        raise made

    signer = fail if form == "coroutine" else Failing(made, form)

    with pytest.raises(ConfigError, match=f"signer: .*{error.__name__}") as caught:
        await signed(signer)

    assert made is caught.value.__cause__
    assert made.__traceback__ is None
    assert "the call was not sent" in caught.value.what.en
    assert "调用未发出" in caught.value.what.zh
    assert "signer" in caught.value.advice.en
    assert "signer" in caught.value.advice.zh


@pytest.mark.parametrize("error", [*ERRORS, StopIteration])
async def test_a_signer_that_fails_in_a_thread_says_so_at_once(signed, error):
    """No future takes a StopIteration: the caller would wait until the deadline."""
    failing = Failing(error("x"), "sign")
    failing.in_thread = True

    with pytest.raises(ConfigError, match=f"signer: .*{error.__name__}") as caught:
        await signed(failing)

    assert failing.error is caught.value.__cause__


async def test_a_signer_that_works_is_asked_as_it_is(signed):
    """In both of its forms."""

    class Signing:
        off_loop = True

        def sign(self, data):
            return data.decode()

    async def give(body):
        return body.decode()

    assert ["{}", "{}"] == [await signed(Signing()), await signed(give)]


@pytest.mark.parametrize("error", ERRORS)
def test_a_verifier_that_fails_proves_nothing(error):
    """Nobody can say whether the answer is genuine; also in a thread without a loop."""
    made = error("x")

    with pytest.raises(ConfigError, match="response_verifier") as caught:
        wrap_verifier(raising(made))(b"body", "signature", ())

    assert made is caught.value.__cause__
    assert made.__traceback__ is None
    assert "do not use the answer" in caught.value.advice.en
    assert "请勿使用该应答" in caught.value.advice.zh


@pytest.mark.parametrize("decision", [True, False])
def test_a_verifier_that_decides_is_heard(decision):
    """With what it was given."""
    asked = []

    def decide(*given):
        asked.append(given)

        return decision

    assert decision is wrap_verifier(decide)(b"body", "signature", ())
    assert [(b"body", "signature", ())] == asked


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("started", [True, False])
async def test_a_transport_that_fails_says_whether_it_had_the_body(
    call, error, started
):
    """As far as the state knows; words and attribute agree, and survive a pickle."""
    made = error("x")
    state = call(
        Effect.MONEY, handed_over=True, body_tracked=True, body_started=started
    )

    with (
        pytest.raises(TransportError, match=error.__name__) as caught,
        translate_transport_errors(state),
    ):
        raise made

    copied = pickle.loads(pickle.dumps(caught.value))

    assert made is caught.value.__cause__
    assert started is copied.request_sent
    assert ("may have been sent" in copied.what.en) is started
    assert ("可能已发出" in copied.what.zh) is started
    assert "POST /payments/payment" in copied.what.en


@pytest.mark.parametrize("error", [HTTPExchangeError(Failure.BROKEN), OURS], ids=repr)
async def test_what_is_understood_passes(call, error):
    """A failure of an exchange, and errors that are ours already."""
    with (
        pytest.raises(type(error)) as caught,
        translate_transport_errors(call(handed_over=True)),
    ):
        raise error

    assert error is caught.value


async def test_our_own_errors_of_a_hook_pass(signed):
    """Whoever wrote it may have said it best."""
    ours = ConfigError("the key is away", "密钥不可用")

    with pytest.raises(ConfigError, match="the key is away"):
        wrap_verifier(raising(ours))(b"", "", ())

    with pytest.raises(ConfigError, match="the key is away"):
        await signed(Failing(ours, "sign"))


async def test_a_caller_who_is_cancelled_is_cancelled(signed, call):
    """Of a hook that cancels itself this looks the same, but for the task."""

    async def hang(body):
        await asyncio.Event().wait()

    async def exchange():
        with translate_transport_errors(call(handed_over=True)):
            await hang(b"")

    for coroutine in (signed(hang), exchange()):
        task = asyncio.create_task(coroutine)
        await asyncio.sleep(0)
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_signer_at_its_deadline_is_no_signer_that_fails(signed):
    """The timeout around it is ours: it ends as the deadline does."""

    async def hang(body):
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await signed(hang)


def test_no_frame_of_a_hook_is_reached():
    """Neither from the error nor from what caused it."""
    inner = ValueError("inner")

    def fail(*args):
        secret = "sesame"  # noqa: F841

        try:
            raise inner
        except ValueError as error:
            raise OSError("outer") from error

    with pytest.raises(ConfigError) as caught:
        wrap_verifier(fail)(b"", "", ())

    shown = traceback.TracebackException.from_exception(
        caught.value, capture_locals=True
    )

    assert (None, None) == (inner.__traceback__, caught.value.__cause__.__traceback__)
    assert "'sesame'" not in "".join(shown.__cause__.format())
