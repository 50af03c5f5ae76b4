"""
The layer of the bearer token.
"""

from __future__ import annotations

import httpx
import pytest

from umfpay.errors import AuthenticationError, ConfigError
from umfpay.transport import (
    AuthorizingTransport,
    CallEnd,
    Effect,
    VerifyingTransport,
    build_request,
    classify,
)


@pytest.fixture(name="layered")
def _layered(play, tokens, gateway):
    def layered(*steps, **options):
        script, network = play(*steps)
        verifying = VerifyingTransport(network, verifier=gateway.verifier)

        return script, AuthorizingTransport(
            verifying, token_source=tokens, origin=gateway.base, **options
        )

    return layered


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

    return httpx.Response(401, content=body)


NAMING = ["signed 200", "unsigned 200", "signed by header 401", "unsigned 401 JSON"]
BARE = ["401 other JSON", "401 HTML", "401 empty"]
WRITES = [Effect.MONEY, Effect.CREATE, Effect.SMS]


async def test_the_token_is_sent_as_documented(layered, call, gateway):
    """Bearer, a blank, the token."""
    script, layer = layered(gateway.answer())
    await layer.handle_async_request(build_request(call()))

    assert script.requests[0].headers["authorization"] == "Bearer token-1"


async def test_the_glued_form_is_a_switch(layered, call, gateway):
    """Bearer without the blank, as the official SDKs send it."""
    script, layer = layered(gateway.answer(), glued_bearer=True)
    await layer.handle_async_request(build_request(call()))

    assert script.requests[0].headers["authorization"] == "Bearertoken-1"


async def test_without_a_current_token_it_waits_for_one(layered, call, gateway, tokens):
    """The token source learns how long the call can wait."""
    tokens.ready = False
    _, layer = layered(gateway.answer())
    state = call()
    await layer.handle_async_request(build_request(state))

    assert [state.deadline] == tokens.deadlines


async def test_a_current_token_is_not_waited_for(layered, call, gateway, tokens):
    """The usual call asks the token source synchronously and never awaits it."""
    _, layer = layered(gateway.answer())
    await layer.handle_async_request(build_request(call()))

    assert tokens.deadlines == []


async def test_a_call_without_token_passes(layered, call, gateway, tokens):
    """The token call itself carries no Authorization, and a 401 is its answer."""
    script, layer = layered(httpx.Response(401, content=b""))
    state = call(Effect.TOKEN, needs_token=False)
    response = await layer.handle_async_request(build_request(state))

    assert "authorization" not in script.requests[0].headers
    assert (response.status_code, tokens.refused) == (401, [])


@pytest.mark.parametrize(
    ("effect", "form"),
    [(Effect.READ, form) for form in NAMING + BARE]
    + [(effect, form) for effect in WRITES for form in NAMING],
)
async def test_a_refused_token_is_replaced_once(
    layered, call, gateway, tokens, form, effect
):
    """A refusal refuses the generation that failed, and the call is replayed once."""
    script, layer = layered(refusal(gateway, form), gateway.answer())
    state = call(effect)
    response = await layer.handle_async_request(build_request(state))

    assert (response.status_code, state.replays, tokens.refused) == (200, 1, [1])
    assert [request.headers["authorization"] for request in script.requests] == [
        "Bearer token-1",
        "Bearer token-2",
    ]
    assert script.requests[0].read() == script.requests[1].read()
    assert CallEnd.GOOD is classify(state).ending


@pytest.mark.parametrize("form", BARE)
@pytest.mark.parametrize("effect", WRITES)
async def test_a_write_is_not_sent_again_after_a_bare_401(
    layered, call, gateway, tokens, form, effect
):
    """Any firewall writes such a page, perhaps after the gateway paid."""
    script, layer = layered(refusal(gateway, form), gateway.answer())
    state = call(effect)
    response = await layer.handle_async_request(build_request(state))

    assert (401, 0, 1) == (response.status_code, state.replays, len(script.requests))
    # The next call takes a new token all the same.
    assert [1] == tokens.refused


@pytest.mark.parametrize("form", BARE)
@pytest.mark.parametrize("effect", [Effect.MONEY, Effect.CREATE])
async def test_a_bare_401_leaves_a_write_unclear(layered, call, gateway, form, effect):
    """Nobody signed that nothing happened; money may have moved by what moves money."""
    _, layer = layered(refusal(gateway, form))
    state = call(effect)
    await layer.handle_async_request(build_request(state))
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
    layered, call, gateway, effect, place, code
):
    """The first copy may have done what the second one is refused for."""
    script, layer = layered(
        refusal(gateway, "unsigned 200"), gateway.answer(code, place=place)
    )
    state = call(effect, body_tracked=True)
    error = None

    try:
        await layer.handle_async_request(build_request(state))
    except AuthenticationError as caught:
        error = caught

    assert 2 == len(script.requests)
    assert CallEnd.UNCLEAR is classify(state, error).ending


@pytest.mark.parametrize("code", ["0000", "00060761", "00060861"])
async def test_after_an_unsigned_refusal_a_signed_success_is_one(
    layered, call, gateway, code
):
    """Done, pending and accepted: the gateway signed that the call has its effect."""
    _, layer = layered(refusal(gateway, "unsigned 401 JSON"), gateway.answer(code))
    state = call(Effect.MONEY)
    await layer.handle_async_request(build_request(state))

    assert CallEnd.GOOD is classify(state).ending


@pytest.mark.parametrize("effect", [Effect.MONEY, Effect.CREATE])
async def test_after_a_signed_refusal_a_second_signed_one_is_definite(
    layered, call, gateway, effect
):
    """00280703 proves that its own copy was not carried out; the other has its own."""
    _, layer = layered(refusal(gateway, "signed 200"), gateway.answer("00060022"))
    state = call(effect)
    await layer.handle_async_request(build_request(state))

    assert CallEnd.FAILED is classify(state).ending


async def test_after_a_signed_refusal_the_second_copy_needs_its_own_proof(
    layered, call, gateway
):
    """An unsigned refusal of the copy that followed leaves it unclear."""
    _, layer = layered(
        refusal(gateway, "signed 200"), gateway.answer("00060022", place="none")
    )
    state = call(Effect.MONEY)
    await layer.handle_async_request(build_request(state))

    assert CallEnd.UNCLEAR is classify(state).ending


@pytest.mark.parametrize("form", NAMING)
async def test_the_second_refusal_is_an_error(layered, call, gateway, tokens, form):
    """Two refused tokens are no matter of the token any more."""
    script, layer = layered(refusal(gateway, form), refusal(gateway, form))

    with pytest.raises(AuthenticationError) as caught:
        await layer.handle_async_request(build_request(call(Effect.MONEY)))

    assert (tokens.refused, len(script.requests)) == ([1, 2], 2)
    assert caught.value.http_status in (200, 401)
    assert "00280703" == caught.value.ret_code


@pytest.mark.parametrize(
    ("kind", "sent"), [("signed 200", False), ("unsigned 200", True)]
)
async def test_only_a_signed_refusal_proves_that_nothing_was_done(
    layered, call, gateway, tokens, kind, sent
):
    """The replay did not leave; the first attempt did, and who says it was refused?"""
    state = call(Effect.MONEY)
    _, layer = layered(refusal(gateway, kind), httpx.ConnectError("x"))

    with pytest.raises(httpx.ConnectError) as caught:
        await layer.handle_async_request(build_request(state))

    assert sent is state.may_have_been_sent(caught.value)


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "0000"), (401, "00060761"), (401, "00060730"), (401, "")],
)
async def test_a_verified_answer_outweighs_the_status_line(
    layered, call, gateway, tokens, status, code
):
    """Nobody signs the status: what was carried out is not sent again."""
    state = call(Effect.MONEY)
    script, layer = layered(gateway.answer(code, status=status))
    await layer.handle_async_request(build_request(state))

    assert (1, [], code) == (
        len(script.requests),
        tokens.refused,
        state.envelope.ret_code,
    )


@pytest.mark.parametrize(
    ("effect", "requests"), [(Effect.MONEY, 1), (Effect.CREATE, 1), (Effect.READ, 2)]
)
async def test_a_server_that_failed_may_have_worked(
    layered, call, gateway, tokens, effect, requests
):
    """An unsigned token code with a 5xx sends no write again."""
    state = call(effect)
    script, layer = layered(
        gateway.answer("00280703", status=502, place="none"), gateway.answer()
    )
    await layer.handle_async_request(build_request(state))

    assert requests == len(script.requests)


@pytest.mark.parametrize("status", [200, 401, 502])
async def test_a_signed_refusal_of_the_token_counts_whatever_the_status(
    layered, call, gateway, tokens, status
):
    """It proves that its copy was not carried out, so that another may follow."""
    state = call(Effect.MONEY)
    script, layer = layered(gateway.answer("00280703", status=status), gateway.answer())
    await layer.handle_async_request(build_request(state))

    assert (2, [1], False) == (
        len(script.requests),
        tokens.refused,
        state.sent_before_unverified_refusal,
    )


@pytest.mark.parametrize(
    ("kind", "sent"), [("signed 200", False), ("unsigned 200", True)]
)
async def test_a_deadline_while_waiting_for_the_next_token(
    layered, call, gateway, tokens, monkeypatch, kind, sent
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
    _, layer = layered(refused)

    with pytest.raises(TimeoutError):
        await layer.handle_async_request(build_request(state))

    assert (state.replays, state.envelope) == (1, None)
    assert sent is state.may_have_been_sent()


async def test_another_refusal_is_not_the_tokens_fault(layered, call, gateway, tokens):
    """A business refusal passes outward."""
    _, layer = layered(gateway.answer("00060710"))
    state = call(Effect.MONEY)
    await layer.handle_async_request(build_request(state))

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
@pytest.mark.parametrize("needs_token", [True, False])
async def test_nothing_goes_to_another_origin(layered, call, url, needs_token):
    """Host, scheme and port must be the configured ones, or nothing is sent."""
    script, layer = layered()
    state = call(url=url, needs_token=needs_token)

    with pytest.raises(ConfigError, match="base_url"):
        await layer.handle_async_request(build_request(state))

    assert script.requests == []


async def test_closing_closes_the_next_layer(layered):
    """Closing goes through to the network."""
    script, layer = layered()
    await layer.aclose()

    assert script.closed
