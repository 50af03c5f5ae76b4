"""
The rules of the bearer token.
"""

from __future__ import annotations

import pytest

from umfpay.errors import AuthenticationError, ConfigError, TransportError
from umfpay.transport import (
    Answer,
    CallEnd,
    Effect,
    Failure,
    HTTPExchangeError,
    classify,
)


def refusal(gateway, kind):
    """
    Return a refusal of the token in one of the forms that a gateway may use.
    """
    if kind == "signed 200":
        return gateway.answer("00280703")

    if kind == "unsigned 200":
        return gateway.answer("00280703", place="none")

    if kind == "signed by header 401":
        return gateway.answer("00280703", status=401, place="header")

    body = {
        "unsigned 401 JSON": b'{"meta":{"ret_code":"00280703","ret_msg":"bad token"}}',
        "401 other JSON": b'{"error":"unauthorized"}',
        "401 HTML": b"<html><body>401</body></html>",
        "401 empty": b"",
    }[kind]

    return Answer(status=401, headers=[], body=body)


NAMING = ["signed 200", "unsigned 200", "signed by header 401", "unsigned 401 JSON"]
BARE = ["401 other JSON", "401 HTML", "401 empty"]
WRITES = [Effect.MONEY, Effect.CREATE, Effect.SMS]


async def test_the_token_is_sent_as_documented(play, call, gateway):
    """Bearer, a blank, the token."""
    script, pipeline = play(gateway.answer())
    await pipeline.send(call())

    assert script.requests[0].authorization == "Bearer token-1"


async def test_the_glued_form_is_a_switch(play, call, gateway):
    """Bearer without the blank, as the official SDKs send it."""
    script, pipeline = play(gateway.answer(), glued_bearer=True)
    await pipeline.send(call())

    assert script.requests[0].authorization == "Bearertoken-1"


async def test_without_a_current_token_it_waits_for_one(play, call, gateway, tokens):
    """The token source learns how long the call can wait."""
    tokens.ready = False
    _, pipeline = play(gateway.answer())
    state = call()
    await pipeline.send(state)

    assert [state.deadline] == tokens.deadlines


async def test_a_current_token_is_not_waited_for(play, call, gateway, tokens):
    """The usual call asks the token source synchronously and never awaits it."""
    _, pipeline = play(gateway.answer())
    await pipeline.send(call())

    assert tokens.deadlines == []


async def test_a_call_without_token_passes(play, call, gateway, tokens):
    """The token call itself carries no Authorization, and a 401 is its answer."""
    script, pipeline = play(Answer(status=401, headers=[]))
    state = call(Effect.TOKEN)
    await pipeline.send(state)

    assert script.requests[0].authorization is None
    assert (state.status, tokens.refused) == (401, [])


@pytest.mark.parametrize(
    ("effect", "form"),
    [(Effect.READ, form) for form in NAMING + BARE]
    + [(effect, form) for effect in WRITES for form in NAMING],
)
async def test_a_refused_token_is_replaced_once(
    play, call, gateway, tokens, form, effect
):
    """A refusal refuses the generation that failed, and the call is replayed once."""
    script, pipeline = play(refusal(gateway, form), gateway.answer())
    state = call(effect)
    await pipeline.send(state)

    assert (state.status, state.replays, tokens.refused) == (200, 1, [1])
    assert [request.authorization for request in script.requests] == [
        "Bearer token-1",
        "Bearer token-2",
    ]
    assert script.requests[0].body == script.requests[1].body
    assert CallEnd.GOOD is classify(state).ending


@pytest.mark.parametrize("form", BARE)
@pytest.mark.parametrize("effect", WRITES)
async def test_a_write_is_not_sent_again_after_a_bare_401(
    play, call, gateway, tokens, form, effect
):
    """Any firewall writes such a page, perhaps after the gateway paid."""
    script, pipeline = play(refusal(gateway, form), gateway.answer())
    state = call(effect)
    await pipeline.send(state)

    assert (401, 0, 1) == (state.status, state.replays, len(script.requests))
    # The next call takes a new token all the same.
    assert [1] == tokens.refused


@pytest.mark.parametrize("form", BARE)
@pytest.mark.parametrize("effect", [Effect.MONEY, Effect.CREATE])
async def test_a_bare_401_leaves_a_write_unclear(play, call, gateway, form, effect):
    """Nobody signed that nothing happened; money may have moved by what moves money."""
    _, pipeline = play(refusal(gateway, form))
    state = call(effect)
    await pipeline.send(state)
    call_verdict = classify(state)

    assert CallEnd.UNCLEAR is call_verdict.ending
    assert (effect is Effect.MONEY) is call_verdict.money_may_have_moved
    assert "HTTP 401" in call_verdict.reason.en
    assert "HTTP 401" in call_verdict.reason.zh


# What a second copy may be told because the first one was carried out, and others.
SECOND = ["00060763", "00060766", "00060022", "00280703", "00060999", "00060740"]


@pytest.mark.parametrize("code", SECOND)
@pytest.mark.parametrize("place", ["meta", "header", "none"])
@pytest.mark.parametrize("effect", [Effect.MONEY, Effect.CREATE])
async def test_after_an_unsigned_refusal_no_second_refusal_is_proof(
    play, call, gateway, effect, place, code
):
    """The first copy may have done what the second one is refused for."""
    script, pipeline = play(
        refusal(gateway, "unsigned 200"), gateway.answer(code, place=place)
    )
    state = call(effect, body_tracked=True)
    error = None

    try:
        await pipeline.send(state)
    except AuthenticationError as caught:
        error = caught

    assert 2 == len(script.requests)
    assert CallEnd.UNCLEAR is classify(state, error).ending


@pytest.mark.parametrize("code", ["0000", "00060761", "00060861"])
async def test_after_an_unsigned_refusal_a_signed_success_is_one(
    play, call, gateway, code
):
    """Done, pending and accepted: the gateway signed that the call has its effect."""
    _, pipeline = play(refusal(gateway, "unsigned 401 JSON"), gateway.answer(code))
    state = call(Effect.MONEY)
    await pipeline.send(state)

    assert CallEnd.GOOD is classify(state).ending


@pytest.mark.parametrize("effect", [Effect.MONEY, Effect.CREATE])
async def test_after_a_signed_refusal_a_second_signed_one_is_definite(
    play, call, gateway, effect
):
    """00280703 proves that its own copy was not carried out; the other has its own."""
    _, pipeline = play(refusal(gateway, "signed 200"), gateway.answer("00060022"))
    state = call(effect)
    await pipeline.send(state)

    assert CallEnd.FAILED is classify(state).ending


async def test_after_a_signed_refusal_the_second_copy_needs_its_own_proof(
    play, call, gateway
):
    """An unsigned refusal of the copy that followed leaves it unclear."""
    _, pipeline = play(
        refusal(gateway, "signed 200"), gateway.answer("00060022", place="none")
    )
    state = call(Effect.MONEY)
    await pipeline.send(state)

    assert CallEnd.UNCLEAR is classify(state).ending


@pytest.mark.parametrize("form", NAMING)
async def test_the_second_refusal_is_an_error(play, call, gateway, tokens, form):
    """Two refused tokens are no matter of the token any more."""
    script, pipeline = play(refusal(gateway, form), refusal(gateway, form))

    with pytest.raises(AuthenticationError) as caught:
        await pipeline.send(call(Effect.MONEY))

    assert (tokens.refused, len(script.requests)) == ([1, 2], 2)
    assert caught.value.http_status in (200, 401)
    assert "00280703" == caught.value.ret_code


@pytest.mark.parametrize(
    ("kind", "sent"), [("signed 200", False), ("unsigned 200", True)]
)
async def test_only_a_signed_refusal_proves_that_nothing_was_done(
    play, call, gateway, tokens, kind, sent
):
    """The replay did not leave; the first attempt did, and who says it was refused?"""
    state = call(Effect.MONEY)
    _, pipeline = play(
        refusal(gateway, kind),
        *[HTTPExchangeError(Failure.CONNECT)] * 3,
    )

    with pytest.raises(TransportError) as caught:
        await pipeline.send(state)

    assert sent is caught.value.request_sent
    assert sent is state.may_have_been_sent(Failure.CONNECT)


async def test_a_refused_copy_that_nobody_signed_is_not_followed_by_a_third(
    play, call, gateway
):
    """The second one did not leave; that the first one did is enough."""
    script, pipeline = play(
        refusal(gateway, "unsigned 200"), HTTPExchangeError(Failure.CONNECT)
    )
    state = call(Effect.MONEY)

    with pytest.raises(TransportError) as caught:
        await pipeline.send(state)

    assert 2 == len(script.requests)
    assert CallEnd.UNCLEAR is classify(state, caught.value).ending


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "0000"), (401, "00060761"), (401, "00060730"), (401, "")],
)
async def test_a_verified_answer_outweighs_the_status_line(
    play, call, gateway, tokens, status, code
):
    """Nobody signs the status: what was carried out is not sent again."""
    state = call(Effect.MONEY)
    script, pipeline = play(gateway.answer(code, status=status))
    await pipeline.send(state)

    assert (1, [], code) == (
        len(script.requests),
        tokens.refused,
        state.envelope.ret_code,
    )


@pytest.mark.parametrize(
    ("effect", "requests"), [(Effect.MONEY, 1), (Effect.CREATE, 1), (Effect.READ, 2)]
)
async def test_a_server_that_failed_may_have_worked(
    play, call, gateway, tokens, effect, requests
):
    """An unsigned token code with a 5xx sends no write again."""
    state = call(effect)
    script, pipeline = play(
        gateway.answer("00280703", status=502, place="none"), gateway.answer()
    )
    await pipeline.send(state)

    assert requests == len(script.requests)
    # It is the token that was changed, not the server that was asked again.
    assert ([1] if requests == 2 else []) == tokens.refused
    assert 1 == state.attempts


@pytest.mark.parametrize("status", [200, 401, 502])
async def test_a_signed_refusal_of_the_token_counts_whatever_the_status(
    play, call, gateway, tokens, status
):
    """It proves that its copy was not carried out, so that another may follow."""
    state = call(Effect.MONEY)
    script, pipeline = play(gateway.answer("00280703", status=status), gateway.answer())
    await pipeline.send(state)

    assert (2, [1], False) == (
        len(script.requests),
        tokens.refused,
        state.sent_before_unverified_refusal,
    )


@pytest.mark.parametrize(
    ("kind", "sent"), [("signed 200", False), ("unsigned 200", True)]
)
async def test_a_deadline_while_waiting_for_the_next_token(
    play, call, gateway, tokens, monkeypatch, kind, sent
):
    """A write that ends here is harmless only after a signed refusal."""

    async def late(*, deadline):
        raise TimeoutError

    def refused(request):
        state.body_tracked = state.body_started = True

        return refusal(gateway, kind)

    monkeypatch.setattr(
        type(tokens), "acquire", lambda self, *, deadline: late(deadline=0)
    )
    state = call(Effect.MONEY)
    _, pipeline = play(refused)

    with pytest.raises(TimeoutError):
        await pipeline.send(state)

    assert (state.replays, state.envelope) == (1, None)
    assert sent is state.may_have_been_sent()


@pytest.mark.parametrize("effect", [Effect.READ, *WRITES])
@pytest.mark.parametrize("status", [200, 400, 401])
async def test_another_code_that_nobody_signed_is_not_the_tokens_fault(
    play, call, gateway, tokens, effect, status
):
    """Under HTTP 401, too: whoever names a reason means that one."""
    script, pipeline = play(gateway.answer("00060710", status=status, place="none"))
    state = call(effect)
    await pipeline.send(state)

    assert (1, []) == (len(script.requests), tokens.refused)
    assert "00060710" == state.envelope.ret_code


async def test_another_refusal_is_not_the_tokens_fault(play, call, gateway, tokens):
    """A business refusal passes outward."""
    _, pipeline = play(gateway.answer("00060710"))
    state = call(Effect.MONEY)
    await pipeline.send(state)

    assert (tokens.refused, state.envelope.ret_code) == ([], "00060710")


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/cberest/v1/payments/payment",
        "http://gateway.example/cberest/v1/payments/payment",
        "https://gateway.example:8443/cberest/v1/payments/payment",
        "https://gateway.example.evil.example/cberest/v1/payments/payment",
        "https://gateway.example@evil.example/cberest/v1/payments/payment",
        "https://gateway.example",
    ],
)
@pytest.mark.parametrize("effect", [Effect.READ, Effect.MONEY, Effect.TOKEN])
async def test_nothing_goes_to_another_origin(play, call, tokens, url, effect):
    """Host, scheme and port must be the configured ones, or nothing is sent."""
    asked = []
    tokens.ready = False
    script, pipeline = play(signer=asked.append)

    with pytest.raises(ConfigError, match="base_url") as caught:
        await pipeline.send(call(effect, url=url))

    assert ([], [], []) == (script.requests, asked, tokens.deadlines)
    # An id may stand in it.
    assert "payments/payment" not in str(caught.value)
