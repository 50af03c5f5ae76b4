"""
The pipeline of one call (middleware): sign, retry, authorize, exchange, verify.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Protocol

from umfpay.errors import call_errors, without_traceback
from umfpay.transport import _retrying as retrying
from umfpay.transport._call import Bearer, CallState, Effect
from umfpay.transport._downloads import Download
from umfpay.transport._exchange import Edge, HTTPExchangeError
from umfpay.transport._signing import RequestSigner, sign
from umfpay.transport._verifying import AnswerVerifier


class TokenSource(Protocol):
    """
    Where the bearer token comes from; the token cache implements it.
    """

    def current(self) -> Bearer | None:
        """
        Return the token if it is usable now and no refresh is running, else None.
        """

    async def acquire(self, *, deadline: float) -> Bearer:
        """
        Return a usable token, waiting for one until *deadline* (the loop's time).
        """

    async def refuse(self, generation: int) -> None:
        """
        Note that the gateway refused the token of *generation*.
        """


class Pipeline:
    """
    What every call goes through, outermost first; each step leaves its facts in the
    `CallState`.

    Retrying goes around authorizing, so that a replay with a new token counts as the
    same attempt; both see refusals that verifying let pass.

    Args:
        edge: Sends one request and reads its answer.
        origin: Scheme, host and port that may see the token, with a slash behind.
        signer: `umfpay.protocol.Signer`, or an async callable from body to signature.
        verifier: Judges answers.
        executor: Where RSA work goes that is too slow for the loop.
        glued_bearer: Send ``Bearer<token>``, as the official SDKs do, in place of the
            documented ``Bearer <token>`` (gateway.md 2.1).
        random: Draws waits between attempts.
        sleep: Waits.

    Attributes:
        token_source: Gives tokens, and learns which generation was refused; the token
            request itself goes through here without one.
    """

    def __init__(
        self,
        edge: Edge,
        *,
        origin: str,
        signer: RequestSigner,
        verifier: AnswerVerifier,
        token_source: TokenSource | None = None,
        executor: Executor | None = None,
        glued_bearer: bool = False,
        random: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.token_source = token_source
        self._closed = False
        self._edge = edge
        self._origin = origin
        self._signer = signer
        self._verifier = verifier
        self._executor = executor
        self._random = random
        self._bearer_prefix = "Bearer" if glued_bearer else "Bearer "
        self._sleep = sleep

    def close(self) -> None:
        """
        Send nothing more, over no edge: no retry, no token request.
        """
        self._closed = True

    async def send(self, state: CallState, edge: Edge | None = None) -> Download | None:
        """
        Make the call; the facts of its answer are in *state* afterwards.

        A call is signed once, however often it is sent: every POST but the token's
        (gateway.md 2.1). Nothing waits beyond the deadline.

        Args:
            edge: Sends it in place of the pipeline's own.

        Returns:
            The file that is asked for; close it. None for any other answer.

        Raises:
            TransportError: The connection failed; `request_sent` tells the truth.
            ProtocolError: The answer cannot be believed.
            AuthenticationError: Two tokens were refused.
            TokenError: There is no token.
            ConfigError: The address is another origin's, or the session was closed.
            TimeoutError: The deadline has passed.
        """
        call = state.call

        if not state.url.startswith(self._origin):
            raise call_errors.other_origin(state.url)

        try:
            if call.method == "POST" and call.effect is not Effect.TOKEN:
                state.signature = await sign(state, self._signer, self._executor)

            return await self._retry(state, edge or self._edge)
        except HTTPExchangeError as error:
            # Frames of a transport that is not ours hold the token and the body.
            raise state.exchange_error(error) from without_traceback(
                error.__cause__ or error
            )

    async def _retry(self, state: CallState, edge: Edge) -> Download | None:
        """
        Make reads again that failed, and writes of which no byte left.
        """
        while True:
            state.attempts += 1
            failure: HTTPExchangeError | None = None

            try:
                file = await self._authorize(state, edge)

                if state.signed_success or not retrying.is_busy(state):
                    return file
            except HTTPExchangeError as error:
                if not retrying.may_repeat(state, error):
                    raise

                failure = error

            wait = retrying.wait_before_retry(state, failure, random=self._random)

            # An attempt that starts at the deadline can only fail.
            if asyncio.get_running_loop().time() + wait >= state.deadline:
                if failure is not None:
                    raise failure

                return file

            await self._sleep(wait)
            state.start_again()

    async def _authorize(self, state: CallState, edge: Edge) -> Download | None:
        """
        Send the call with a token; on a refusal of it once more with the next one.
        """
        source = self.token_source

        if state.call.effect is Effect.TOKEN or source is None:
            return await self._exchange(state, edge)

        state.bearer_prefix = self._bearer_prefix

        while True:
            bearer = source.current()

            if bearer is None:
                async with asyncio.timeout_at(state.deadline):
                    bearer = await source.acquire(deadline=state.deadline)

            state.bearer = bearer
            file = await self._exchange(state, edge)

            if state.signed_success or not retrying.is_token_refused(state):
                return file

            async with asyncio.timeout_at(state.deadline):
                await source.refuse(bearer.generation)

            if not retrying.may_replay(state):
                return file

            if not retrying.is_verified(state):
                # Anybody can say that: the body had left, and stays so.
                state.sent_before_unverified_refusal = True

            if state.replays:
                raise call_errors.two_tokens_refused(
                    state.call.label,
                    ret_code=retrying.ret_code_of(state),
                    status=state.status,
                )

            state.replays += 1
            state.start_again()

    async def _exchange(self, state: CallState, edge: Edge) -> Download | None:
        """
        Send the request once, and verify what comes.
        """
        if state.record is not None:
            await state.record.write(deadline=state.deadline)

        if self._closed:
            raise call_errors.closed()

        if asyncio.get_running_loop().time() >= state.deadline:
            raise TimeoutError

        state.handed_over = True

        return await self._verifier.verify(state, await edge.exchange(state))
