"""
What stands where something else is wanted is refused, and seen in no frame.
"""

from __future__ import annotations

import asyncio
import inspect
from datetime import date
from pathlib import Path

import attrs
import httpx
import pytest

from tests import orders, tracebacks
from tests.end_to_end import canaries as seen
from umfpay import Config, UMFSession, errors, flows, models
from umfpay.documents import (
    FTPAccount,
    SequenceStore,
    pack_papers,
    upload_papers,
)
from umfpay.tokens import open_store


PASSWORD = "HUNTER2-canary"
VECTORS = Path(__file__).parents[1] / "vectors"


class Telling:
    """
    An object of the shop, whose repr tells the card.
    """

    number = seen.NUMBER

    def __repr__(self):
        return f"Card({self.number})"


MISFITS = {
    "dict": {"number": seen.NUMBER, "cvv2": "987"},
    "list": [{"number": seen.NUMBER}],
    "object": Telling(),
    "bytes": seen.NUMBER.encode(),
}


def refused(make):
    """
    Return the error that *make* ends with.
    """
    with pytest.raises((errors.ConfigError, TypeError)) as caught:
        make()

    return caught.value


def _models():
    return [
        cls
        for cls in vars(models).values()
        if inspect.isclass(cls)
        and attrs.has(cls)
        and not issubclass(cls, models.Received | models.Money)
    ]


@pytest.mark.parametrize("misfit", MISFITS.values(), ids=MISFITS)
@pytest.mark.parametrize("cls", _models())
def test_no_member_of_a_model_shows_what_does_not_fit(cls, misfit):
    """
    Whichever member it is given for, also one that does not exist.
    """
    names = [field.name for field in attrs.fields(cls)]

    for name in [*names, "nmuber"]:
        error = refused(lambda name=name: cls(**{name: misfit}))

        tracebacks.assert_silent(tracebacks.everything(error), [seen.NUMBER])


@pytest.mark.parametrize("misfit", MISFITS.values(), ids=MISFITS)
def test_a_wrong_member_is_named_with_its_kind(misfit):
    """
    The type helps to find the place, and is no secret.
    """
    error = refused(lambda: models.NewPayerInfo(bank_card=misfit))

    assert error.what.en.startswith("bank_card: it must be BankCard, not ")


def test_all_models_that_are_sent_are_looked_at():
    """
    A new one is not forgotten.
    """
    assert {"BankCard", "NewPayment", "NewRefund", "NewPayer"} <= {
        cls.__name__ for cls in _models()
    }
    assert [] == [
        cls.__name__
        for cls in vars(models).values()
        if inspect.isclass(cls)
        and attrs.has(cls)
        and cls.__name__.startswith("New")
        and cls not in _models()
    ]


class Untouched(httpx.AsyncBaseTransport):
    """
    A network that nothing may reach.
    """

    async def handle_async_request(self, request):
        raise AssertionError("something was sent")


@pytest.fixture(name="session")
async def _session():
    config = Config(
        client_id="a",
        client_secret="b",
        merchant_key=VECTORS / "merchant_1024.key.p8",
        gateway_certificate=VECTORS / "gateway_1024.cert.crt",
        base_url="http://127.0.0.1:9/",
        token_store="memory",
    )

    async with UMFSession(config, transport=Untouched()) as session:
        yield session


CALLS = {
    "create": lambda s, x: s.payments.create(x),
    "create by name": lambda s, x: s.payments.create(new=x),
    "verify": lambda s, x: s.payments.verify("PAY_A", x),
    "execute": lambda s, x: s.payments.execute("PAY_A", payer=x),
    "express": lambda s, x: s.payments.update_express_info("PAY_A", x),
    "refund": lambda s, x: s.refunds.create("PAY_A", x),
    "customs": lambda s, x: s.customs.apply("PAY_A", x),
    "customs only": lambda s, x: s.customs.apply_only(x),
    "enterprise": lambda s, x: s.enterprises.register(x),
}


@pytest.mark.parametrize("misfit", MISFITS.values(), ids=MISFITS)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_no_resource_shows_what_does_not_fit(session, call, misfit):
    """
    The error names argument and type, and no frame of ours holds the value.
    """
    error = await seen.fails(call(session, misfit))

    assert isinstance(error, errors.ConfigError)
    tracebacks.assert_silent(tracebacks.everything(error), [seen.NUMBER])


async def _code(pending):
    return "123456"


def _flow(flow, **given):
    """
    Return a call of *flow* with good arguments, of which one may be replaced.
    """
    good = {
        "order": orders.order(),
        "card": models.BankCard(number="6227000000000005"),
        "verification_code": _code,
        "method": "ALIPAY_SCAN",
        "name": "张三",
        "citizen_id_number": "110101199003070011",
        "open_id": "o123",
        "show": print,
        "open_page": print,
        "bank_code": "ICBC",
        "enterprise": models.NewEnterprise(external_enterprise_id="e", busi_type="01"),
        "payment": "PAY_A",
        "mer_reference_id": "r1",
        "mer_date": date(2026, 11, 23),
        "declarations": [],
        "parcels": {"a": "b"},
        "risk_info": None,
        "code": "123456",
        "new": None,
        "pending": None,
    }
    names = set(inspect.signature(flow).parameters)

    # A company has no payer_info.
    if "payer_info" in given:
        names.discard("enterprise")

    arguments = {name: value for name, value in good.items() if name in names}

    return lambda session: flow(session, **{**arguments, **given})


FLOWS = [
    (flow, name)
    for flow in (
        flows.card_payment,
        flows.begin_card_payment,
        flows.confirm_card_payment,
        flows.resend_code,
        flows.qr_payment,
        flows.wechat_web,
        flows.wechat_app,
        flows.bank_payment,
        flows.checkout,
        flows.refund,
        flows.register_enterprise,
        flows.declare_customs,
        flows.report_tracking,
    )
    for name in inspect.signature(flow).parameters
    if name
    in {
        "order",
        "card",
        "risk_info",
        "enterprise",
        "payer_info",
        "pending",
        "new",
        "payment",
        "amount",
        "goods",
        "declarations",
        "name",
        "citizen_id_number",
        "phone",
        "open_id",
        "code",
    }
]


@pytest.mark.parametrize("misfit", MISFITS.values(), ids=MISFITS)
@pytest.mark.parametrize(
    ("flow", "name"), FLOWS, ids=[f"{one.__name__}-{name}" for one, name in FLOWS]
)
async def test_no_flow_shows_what_does_not_fit(session, flow, name, misfit):
    """
    For every argument that is an object of ours, or hidden text.
    """
    assert inspect.iscoroutinefunction(flow)

    error = await seen.fails(_flow(flow, **{name: misfit})(session))

    assert isinstance(error, errors.ConfigError)
    tracebacks.assert_silent(tracebacks.everything(error), [seen.NUMBER])
    tracebacks.assert_silent(
        tracebacks.everything(error), ["张三", "110101199003070011"]
    )


async def test_a_misspelt_argument_shows_no_other(session):
    """
    Python refuses it before the flow begins.
    """
    with pytest.raises(TypeError, match="fone") as caught:
        await flows.qr_payment(
            session,
            orders.order(),
            method="ALIPAY_SCAN",
            name=seen.NAME,
            citizen_id_number=seen.ID_NUMBER,
            show=print,
            fone="1",
        )

    tracebacks.assert_silent(
        tracebacks.everything(caught.value), [seen.NAME, seen.ID_NUMBER]
    )


ADDRESSES = {
    "base_url": [
        f"https://user:{PASSWORD}@gateway.example/",
        f"user:{PASSWORD}@gateway.example",
    ],
    "notify_url": [f"user:{PASSWORD}@shop.example", f"ftp://u:{PASSWORD}@shop.example"],
    "ret_url": [f"user:{PASSWORD}@shop.example"],
    "proxy": [
        f"user:{PASSWORD}@proxy.example:3128",
        f"socks5://user:{PASSWORD}@proxy.example:3128",
        f"http://user:{PASSWORD}@proxy.example:port",
        {"http": f"http://user:{PASSWORD}@proxy.example:3128"},
    ],
}
GOOD = {
    "base_url": "https://gateway.example/",
    "notify_url": f"https://user:{PASSWORD}@shop.example/notify",
    "ret_url": f"https://user:{PASSWORD}@shop.example/back",
    "proxy": f"http://user:{PASSWORD}@proxy.example:3128",
    "token_store": f"redis://user:{PASSWORD}@redis.example/0",
    "client_secret": PASSWORD,
}
SETTINGS = {
    "client_id": "c",
    "client_secret": "s",
    "merchant_key": VECTORS / "merchant_1024.key.p8",
    "gateway_certificate": VECTORS / "gateway_1024.cert.crt",
    "base_url": "https://gateway.example/",
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in ADDRESSES.items() for value in values],
)
def test_a_wrong_address_does_not_show_its_password(name, value):
    """
    Of the gateway, the shop, the proxy.
    """
    error = refused(lambda: Config(**{**SETTINGS, name: value}))

    assert name in str(error)
    tracebacks.assert_silent(tracebacks.everything(error), [PASSWORD])


@pytest.mark.parametrize("wrong", ["client_id", "ca_file", "deadline", "nmae"])
def test_a_wrong_setting_does_not_show_the_good_ones(wrong):
    """
    All of them stand in the frame that refuses one, as arguments, text or TOML.
    """
    settings = {**SETTINGS, **GOOD, wrong: ""}
    texts = {f"UMF_{name.upper()}": str(value) for name, value in settings.items()}

    for make in (
        lambda: Config(**settings),
        lambda: Config.from_env(environ=texts, **{wrong: ""}),
        lambda: Config.from_env(environ={}, **settings),
    ):
        tracebacks.assert_silent(tracebacks.everything(refused(make)), [PASSWORD])


def test_a_wrong_file_does_not_show_the_good_settings(tmp_path):
    """
    Neither as lines nor as TOML.
    """
    lines = {**SETTINGS, **GOOD, "deadline": "soon"}
    env = tmp_path / "umf.env"
    env.write_text("".join(f"UMF_{k.upper()}={v}\n" for k, v in lines.items()))
    toml = tmp_path / "umf.toml"
    toml.write_text("".join(f'{k} = "{v}"\n' for k, v in lines.items()))

    for file in (env, toml):
        error = refused(lambda file=file: Config.from_file(file))

        assert "deadline" in str(error)
        tracebacks.assert_silent(tracebacks.everything(error), [PASSWORD])


def test_good_addresses_are_kept():
    """
    What may hold a password in clear is hidden; the rest is text.
    """
    config = Config(**{**SETTINGS, **GOOD})

    assert GOOD["notify_url"] == config.notify_url
    assert GOOD["proxy"] == config.proxy.reveal()
    assert GOOD["token_store"] == config.token_store.reveal()
    assert "memory" == Config(**SETTINGS, token_store="memory").token_store
    assert PASSWORD not in repr(config)


@pytest.mark.parametrize("make", [str, Path], ids=["text", "path"])
@pytest.mark.parametrize(
    "spec",
    [
        "redis+sentinel://user:{}@host/0",
        "redis-cluster://user:{}@host/0",
        "mysql://user:{}@host/db",
        "REDIS://user:{}@host/0",
        "redis:user:{}@host",
        "redis:/user:{}@host/0",
        "user:{}@host:6379/0",
        ":{}@host",
        "memcached:{}",
        " redis+tls://user:{}@host",
        "redis://user:{}@host:port",
        "redis://user:{}@host/0?x=[",
        "./folder/user:{}@host",
    ],
)
def test_an_unknown_token_store_is_no_path_and_not_shown(spec, make, tmp_path):
    """
    Not by the setting, and not by the session that opens it.
    """
    spec = spec.format(PASSWORD)
    error = refused(lambda: open_store(make(spec), key="k"))
    tracebacks.assert_silent(tracebacks.everything(error), [PASSWORD])

    async def main():
        async with UMFSession(Config(**SETTINGS, token_store=make(spec))):
            pass

    error = refused(lambda: asyncio.run(main()))
    tracebacks.assert_silent(tracebacks.everything(error), [PASSWORD])


FTP = {"host": "ftp.example", "user": "u", "password": PASSWORD}


@pytest.mark.parametrize(
    "wrong",
    [
        {"ca_file": "missing.pem"},
        {"ca_file": Path("missing.pem")},
        {"port": "x"},
        {"timeout": -1},
        {"folder": "a\nb"},
        {"security": "sftp"},
        {"host": f"ftp://u:{PASSWORD}@ftp.example"},
        {"host": f"u:{PASSWORD}@ftp.example"},
        {"host": None},
        {"user": ""},
        {"password": f"{PASSWORD}\r\nDELE x"},
        {"password": PASSWORD.encode()},
        {"password": {"text": PASSWORD}},
        {"pasword": PASSWORD},
        {"security": "ftp", "ca_file": VECTORS / "gateway_1024.cert.crt"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_wrong_account_does_not_show_its_password(wrong, tmp_path):
    """
    Whatever is wrong with it, and wherever it comes from.
    """
    texts = {f"UMF_FTP_{name.upper()}": value for name, value in FTP.items()}
    file = tmp_path / "umf.env"
    file.write_text("".join(f"{k}={v}\n" for k, v in texts.items()))

    for make in (
        lambda: FTPAccount(**{**FTP, **wrong}),
        lambda: FTPAccount.from_env({}, **{**FTP, **wrong}),
        lambda: FTPAccount.from_env(texts, **wrong),
        lambda: FTPAccount.from_file(file, **wrong),
    ):
        tracebacks.assert_silent(tracebacks.everything(refused(make)), [PASSWORD])


def test_blanks_belong_to_a_password():
    """
    However it is given.
    """
    for made in (
        FTPAccount(**{**FTP, "password": " a "}),
        FTPAccount.from_env({}, **{**FTP, "password": " a "}),
    ):
        assert " a " == made.password.reveal()


async def test_an_account_as_a_dict_is_refused_and_not_shown(tmp_path):
    """
    By the upload, which needs the object that was checked.
    """
    error = await seen.fails(
        upload_papers(
            FTP,
            pack_papers({"contract.pdf": b"c", "invoice.pdf": b"i"}),
            mer_reference_id="77",
            mer_date="20170206",
            sequences=SequenceStore(tmp_path / "s.json"),
        )
    )

    assert "an FTPAccount is needed, not dict" in str(error)
    tracebacks.assert_silent(tracebacks.everything(error), [PASSWORD])


@pytest.mark.parametrize("given", [SETTINGS | GOOD, "redis://u:" + PASSWORD, None])
def test_a_session_of_something_else_than_a_config_shows_nothing(given):
    """
    A dict of settings, say.
    """
    error = refused(lambda: UMFSession(given))

    assert isinstance(error, errors.ConfigError)
    tracebacks.assert_silent(tracebacks.everything(error), [PASSWORD])
