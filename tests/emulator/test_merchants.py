"""
Two merchants at one gateway: what one of them can see and do of the other's.
"""

from __future__ import annotations

import json

import attrs
import pytest

from tests.emulator.merchant import PAY
from umfpay.config import Config
from umfpay.emulator import Credentials, Emulator, serve
from umfpay.errors import ConfigError


LIST = "/payments/transactions?mer_date=20261123"
SETTLED = "/payments/reconciliation_statement?settle_date=20261123"
UNKNOWN = "00060760"


def _listed(shop):
    found = shop.get(LIST).json["transactions"]

    return [
        one["mer_reference_id"]
        for kind in ("payment_summaries", "refund_summaries")
        for one in found[kind]
    ]


@pytest.fixture(name="both")
def _both(shop, stranger):
    """
    Each has paid order 1, refunded a part of it as refund 1, and declared it.
    """
    shop.settings(refund="immediate")
    made = []

    for one in (shop, stranger):
        payment = one.paid(reference="number-1")
        refunded = one.refund(payment, "back-1", "1.00").json
        declared = one.post(
            f"{PAY}/{payment}/apply_to_customs",
            {
                "customs_id": "HZ",
                "mer_customs_code": "1",
                "sub_order": {"mer_sub_reference_id": "number-1-a", "items": []},
            },
        ).json
        keys = [
            link["href"].rpartition("/")[2]
            for answer in (refunded, declared)
            for link in answer["links"]
            if link["ref"] == "self"
        ]
        made.append([payment, *keys])

    return made


def test_numbers_are_unique_per_merchant(both):
    """
    Both use the same order, refund and sub order number on one day; ids differ.
    """
    mine, theirs = both

    assert 3 == len(mine) == len(theirs)
    assert not set(mine) & set(theirs)


def test_lists_and_files_hold_the_own_ones_only(shop, stranger, both):
    """
    Four kinds of statements, and the file names its merchant.
    """
    stranger.paid(reference="number-2")
    files = [
        one.get("/payments/transactions_download?mer_date=20261123").body.decode()
        for one in (shop, stranger)
    ]
    settled = [
        one.get(SETTLED).json["reconciliations"]["pagination"]["total_count"]
        for one in (shop, stranger)
    ]
    paid_out = [
        one.get("/payments/reconciliation_statement_download?mer_date=20261123")
        for one in (shop, stranger)
    ]

    assert ["number-1", "back-1"] == _listed(shop)
    assert ["number-1", "number-2", "back-1"] == _listed(stranger)
    assert [2, 3] == settled
    assert [4, 5] == [len(one.splitlines()) for one in files]
    assert [4, 5] == [len(one.body.splitlines()) for one in paid_out]
    assert files[0].startswith("TRANSDETAIL-START,8017,")
    assert files[1].startswith("TRANSDETAIL-START,8018,")


@pytest.mark.parametrize("setting", ["refused", "visible"])
def test_what_another_merchant_has_can_be_asked_for_or_not(shop, both, setting):
    """
    Payment, refund and declaration alike, by the setting; own ones always.
    """
    shop.settings(foreign_payments=setting)
    paths = (PAY, "/payments/refund", "/payments/customs_declarations")
    codes = [
        shop.get(f"{path}/{key}").code
        for keys in both
        for path, key in zip(paths, keys, strict=True)
    ]
    foreign = "0000" if setting == "visible" else UNKNOWN

    assert ["0000"] * 3 + [foreign] * 3 == codes
    assert setting == shop.control("GET", "/settings")["foreign_payments"]


@pytest.mark.parametrize("setting", ["refused", "visible"])
def test_nobody_changes_what_another_merchant_has(shop, stranger, setting):
    """
    Whatever the setting says about queries.
    """
    shop.settings(foreign_payments=setting)
    waiting, paid = stranger.created(reference="n-1"), stranger.paid(reference="n-2")
    stranger.sms(waiting)
    code = shop.control("GET", f"/payments/{waiting}/sms_code")["sms_code"]
    sub = {"sub_order": {"mer_sub_reference_id": "n-2-a", "items": []}}
    parcel = {"mer_sub_reference_id": "n-2-a", "tracking_number": "x"}
    answers = [
        shop.post(f"{PAY}/{waiting}/verify", shop.payer()),
        shop.post(f"{PAY}/{waiting}/execute", shop.payer(code=code)),
        shop.refund(paid),
        shop.post(f"{PAY}/{paid}/apply_to_customs", sub),
        shop.post(
            f"{PAY}/{paid}/update_express_info", {"order": {"sub_orders": [parcel]}}
        ),
    ]

    assert [UNKNOWN] * 5 == [one.code for one in answers]
    assert ["WAIT_BUYER_PAY", "TRADE_SUCCESS"] == [
        stranger.state(key) for key in (waiting, paid)
    ]


def test_tokens_are_of_one_merchant_each(shop, stranger):
    """
    A new one leaves the other merchant's alive, and opens the own books only.
    """
    shop.paid(reference="mine")
    stranger.paid(reference="theirs")
    before = shop.token
    stranger.new_token()

    assert ["mine"] == _listed(shop)
    assert ["theirs"] == _listed(stranger)
    assert before == shop.token

    # The log says whose token it was.
    assert stranger.keys.client_id == shop.last_request()["client_id"]


def test_a_signature_is_checked_with_the_key_of_the_token(shop, stranger):
    """
    The other merchant's signature under my token is none.
    """
    shop.new_token()
    body = json.dumps(shop.body()).encode()

    assert "00060710" == shop.post(PAY, body, Signature=stranger.keys.sign(body)).code
    assert "0000" == shop.post(PAY, body).code


def test_a_secret_opens_its_own_client_only(shop, stranger):
    """
    Id of one, secret of the other: no token.
    """
    body = {
        "client_id": shop.keys.client_id,
        "client_secret": stranger.keys.client_secret,
        "grant_type": "client_credentials",
    }

    assert (
        "00060711"
        == shop.raw("POST", "/cberest/v1/oauth/authorize", json.dumps(body)).code
    )


def test_enterprises_are_of_one_merchant_each(shop, stranger):
    """
    Both register one company on one day; each asks for its own.
    """
    body = {
        "enterprise_qualification": {
            "external_enterprise_id": "e-1",
            "busi_type": "SJHG",
        }
    }
    keys = [
        one.post("/enterprise_qualification", body).json["links"][0]["href"][-30:]
        for one in (shop, stranger, shop)
    ]
    key = shop.control("GET", "/enterprises")["enterprises"][0]["id"]

    assert keys[0] == keys[2] != keys[1]
    assert "0000" == shop.get(f"/enterprise_qualification/{key}").code
    assert UNKNOWN == stranger.get(f"/enterprise_qualification/{key}").code


def test_a_stranger_pays_under_my_number_and_notifies_my_shop(shop, listener, keys):
    """
    The control API does what he would do; the gateway signs it with the one key.
    """
    given = {
        "mer_reference_id": "order-7",
        "amount": {"total": "10.00", "currency": "USD"},
        "notify_url": listener.url,
    }
    made = shop.control("POST", "/merchants/other/payments", given)["payment"]
    mine = shop.created(reference="order-7", total="10.00")
    shop.control("POST", f"/payments/{made['id']}/pay")
    [notification] = listener.wait(1)
    _, headers, body = listener.got[0]

    assert made["id"] == notification["payment"]["id"] != mine
    assert "order-7" == notification["payment"]["order"]["mer_reference_id"]
    assert "10.00" == notification["payment"]["order"]["amount"]["total"]
    assert keys.verifies(body, headers["Signature"], keys.folder)
    assert [] == _listed(shop)
    assert "WAIT_BUYER_PAY" == shop.state(mine)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "mer_reference_id is missing"),
        ({"mer_reference_id": "a"}, "amount empty"),
        ({"mer_reference_id": "a", "amount": 7}, "amount empty"),
        ({"mer_reference_id": "a", "mer_date": "x"}, "mer_date is not YYYYMMDD"),
    ],
)
def test_what_the_stranger_pays_is_checked(shop, given, reason):
    """
    As every order.
    """
    reply = shop.control("POST", "/merchants/other/payments", given)

    assert (400, True) == (reply.status, reason in reply.json["error"])


def test_the_control_api_lists_the_merchants(shop, stranger):
    """
    With their numbers in files; making the other one twice changes nothing.
    """
    expected = [
        {"client_id": shop.keys.client_id, "number": "8017", "other": False},
        {"client_id": stranger.keys.client_id, "number": "8018", "other": True},
    ]

    assert expected == shop.control("POST", "/merchants/other", {})["merchants"]
    assert expected == shop.control("GET", "/merchants")["merchants"]


async def test_the_other_merchant_is_made_when_it_is_needed():
    """
    Keys are slow to make; asked for twice it is the same.
    """
    box = Emulator(key_bits=1024)
    before = len(box.control("GET", "/merchants")["merchants"])
    other = box.other_merchant

    assert (1, 2) == (before, len(box.control("GET", "/merchants")["merchants"]))
    assert other is box.other_merchant
    assert other.gateway_key == box.credentials.gateway_key
    assert other.client_id != box.credentials.client_id
    assert other.client_secret != box.credentials.client_secret
    assert other.merchant_key != box.credentials.merchant_key

    await box.aclose()


async def test_the_other_merchant_lives_in_the_data_folder(tmp_path):
    """
    With settings that lead to it; a restart knows its token's owner at once.
    """
    box = Emulator(tmp_path, key_bits=1024)
    made = box.other_merchant

    async with serve(box) as server:
        config = Config.from_file(
            tmp_path / "other-merchant" / "umf.env", token_store="memory"
        )

        assert (made.client_id, server.base_url) == (
            config.client_id,
            config.base_url,
        )

    again = Emulator(tmp_path)

    assert 2 == len(again.control("GET", "/merchants")["merchants"])
    assert made.client_id == again.other_merchant.client_id

    await again.aclose()


async def test_a_damaged_other_merchant_is_reported_by_name(tmp_path):
    """
    A key or an id of another one, and a broken file.
    """
    await Emulator(tmp_path, key_bits=1024).aclose()
    box = Emulator(tmp_path)
    box.other_merchant  # noqa: B018 (made when asked for)
    await box.aclose()
    other = tmp_path / "other-merchant"
    key, client = other / "merchant.key.p8", other / "client.id"
    good = key.read_bytes(), client.read_bytes()

    for file, content, reason in (
        (key, (tmp_path / "gateway.key.p8").read_bytes(), "another one's key"),
        (key, (tmp_path / "merchant.key.p8").read_bytes(), "another one's key"),
        (client, (tmp_path / "client.id").read_bytes(), "another one's"),
        (client, b"\xff", "client.id is damaged"),
    ):
        file.write_bytes(content)

        with pytest.raises(ConfigError, match=reason):
            Emulator(tmp_path)

        key.write_bytes(good[0])
        client.write_bytes(good[1])


def test_two_merchants_of_two_gateways_are_refused():
    """
    And the same one twice.
    """
    first, foreign = Credentials.generate(1024), Credentials.generate(1024)

    for other in (first, foreign, attrs.evolve(foreign, client_id="x")):
        with pytest.raises(ConfigError, match="other_merchant"):
            Emulator(credentials=first, other_merchant=other)
