"""
`umfpay sign`, `verify`, `seal`, `keys`: the exit code is the answer.
"""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from umfpay.cli import ExitCode, run
from umfpay.protocol import Opener, PrivateKey, Signer
from umfpay.sensitive import Secret


VECTORS = Path(__file__).parent.parent / "vectors"
MERCHANT = VECTORS / "merchant_2048.key.p8"
GATEWAY = VECTORS / "gateway_1024.key.p8"
CERTIFICATE = VECTORS / "gateway_1024.cert.crt"
PASSPHRASE = "canary-passphrase-77d0"
RESPONSES = json.loads((VECTORS / "response_signatures.json").read_text())
NOTIFICATIONS = json.loads((VECTORS / "notifications.json").read_text())
CODES = {"valid": ExitCode.OK, "forged": ExitCode.NO, "unsigned": ExitCode.UNSIGNED}
WORDS = {"valid": "verified", "forged": "forged", "unsigned": "unsigned"}
REQUEST = '{"name":"张三"}\n'.encode()


@pytest.fixture(name="given")
def _given(monkeypatch):
    """
    Put bytes on standard input.
    """

    def put(content):
        stdin = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8")
        monkeypatch.setattr(sys, "stdin", stdin)

    return put


@pytest.fixture(name="answer")
def _answer(tmp_path):
    path = tmp_path / "answer.json"
    case = RESPONSES[0]
    path.write_bytes(base64.b64decode(case["raw_base64"]))

    return path


@pytest.fixture(name="encrypted")
def _encrypted(tmp_path):
    path = tmp_path / "encrypted.p8"
    subprocess.run(
        [
            *("openssl", "pkcs8", "-inform", "DER", "-in", str(MERCHANT)),
            *("-topk8", "-outform", "DER", "-out", str(path)),
            *("-passout", f"pass:{PASSPHRASE}"),
        ],
        check=True,
        capture_output=True,
    )

    return path


def test_sign_prints_the_signature_of_the_file(tmp_path, capsys):
    """
    Byte for byte: the line end at the end counts, too.
    """
    path = tmp_path / "request.json"
    path.write_bytes(REQUEST)

    assert ExitCode.OK == run(["sign", "--key", str(MERCHANT), str(path)])

    output = capsys.readouterr()

    assert Signer(PrivateKey.load(MERCHANT)).sign(REQUEST) + "\n" == output.out
    assert "" == output.err


def test_sign_reads_standard_input(given, capsys):
    """
    "-" is what a shell pipes.
    """
    given(REQUEST)

    assert ExitCode.OK == run(["sign", "--key", str(MERCHANT), "-"])
    assert (
        Signer(PrivateKey.load(MERCHANT)).sign(REQUEST)
        == capsys.readouterr().out.strip()
    )


def test_sign_takes_the_passphrase_from_the_environment(
    encrypted, given, capsys, monkeypatch
):
    """
    A passphrase on the command line would be in the list of processes.
    """
    given(REQUEST)
    monkeypatch.setenv("KEY_PASSPHRASE", PASSPHRASE)

    assert ExitCode.OK == run(
        ["sign", "--key", str(encrypted), "--passphrase-env", "KEY_PASSPHRASE", "-"]
    )
    assert (
        Signer(PrivateKey.load(MERCHANT)).sign(REQUEST)
        == capsys.readouterr().out.strip()
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "KEY_PASSPHRASE is not set"),
        ("", "KEY_PASSPHRASE is not set"),
        ("canary-wrong", "the passphrase is wrong"),
        ("canary-\udcff", "the passphrase is wrong"),
    ],
)
@pytest.mark.parametrize("command", [["sign", "--key"], ["keys"]])
def test_a_passphrase_that_is_not_there_or_wrong_is_wrong_use(
    encrypted, capsys, monkeypatch, command, value, message
):
    """
    Told in one line, which never holds it.
    """
    monkeypatch.delenv("KEY_PASSPHRASE", raising=False)

    if value is not None:
        monkeypatch.setenv("KEY_PASSPHRASE", value)

    file = ["-"] if command[0] == "sign" else []
    code = run([*command, str(encrypted), "--passphrase-env", "KEY_PASSPHRASE", *file])
    output = capsys.readouterr()

    assert ExitCode.ERROR == code
    assert message in output.err
    assert "canary" not in output.err
    assert "" == output.out


@pytest.mark.parametrize("case", RESPONSES, ids=lambda case: case["name"])
def test_verify_ends_with_the_verdict_of_an_answer(case, tmp_path, capsys):
    """
    0 verified, 1 forged, 3 unsigned: a script reads the code.
    """
    path = tmp_path / "answer.json"
    path.write_bytes(base64.b64decode(case["raw_base64"]))
    header = [
        part for value in case["headers"].values() for part in ("--header", value)
    ]
    certificate = ("--certificate", str(VECTORS / case["certificate"]))
    code = run(["verify", *certificate, *header, str(path)])
    output = capsys.readouterr()

    assert CODES[case["verdict"]] == code
    assert output.out.startswith(WORDS[case["verdict"]] + " | ")
    assert "" == output.err


@pytest.mark.parametrize("case", NOTIFICATIONS, ids=lambda case: case["name"])
def test_verify_ends_with_the_verdict_of_a_notification(case, given, capsys):
    """
    The header is given as the line that the web server logged.
    """
    given(base64.b64decode(case["body_base64"]))
    header = [
        part
        for name, value in case["headers"].items()
        for part in ("--header", f"{name}: {value}")
    ]
    certificate = ("--certificate", str(VECTORS / case["certificate"]))
    code = run(["verify", "--notification", *certificate, *header, "-"])

    assert CODES[case["verdict"]] == code
    assert capsys.readouterr().out.startswith(WORDS[case["verdict"]])


def test_a_notification_counts_as_it_was_received(given, capsys):
    """
    White space that is another: an answer is good all the same, a notification not.
    """
    body = b'{"payment":{}}'
    header = ("--header", Signer(PrivateKey.load(GATEWAY)).sign(body))
    arguments = ["verify", "--certificate", str(CERTIFICATE), *header]
    given(body + b"\n")

    assert ExitCode.OK == run([*arguments, "-"])

    given(body + b"\n")

    assert ExitCode.NO == run([*arguments, "--notification", "-"])
    assert "the header Signature does not verify" in capsys.readouterr().out


@pytest.mark.parametrize(
    "spell",
    [
        "Signature: {}",
        "signature:{}",
        "SIGNATURE :  {} ",
        "{}",
        "  {}",
    ],
)
def test_verify_takes_the_header_as_line_or_value(spell, given, capsys):
    """
    However it was copied.
    """
    body = b'{"payment":{}}'
    given(body)
    header = spell.format(Signer(PrivateKey.load(GATEWAY)).sign(body))

    assert ExitCode.OK == run(
        ["verify", "--certificate", str(CERTIFICATE), "--header", header, "-"]
    )
    assert "verified | 验签通过\n" == capsys.readouterr().out


def test_another_header_is_wrong_use(answer, capsys):
    """
    It is no empty signature.
    """
    arguments = ["verify", "--certificate", str(CERTIFICATE), str(answer)]

    assert ExitCode.ERROR == run([*arguments, "--header", "Date: today"])
    assert "--header takes" in capsys.readouterr().err


@pytest.mark.parametrize("header", ["", " ", "Signature", "signature QUJD"])
def test_a_header_that_was_lost_on_the_way_is_not_called_forged(answer, capsys, header):
    """
    A variable of the shell that is not set accuses nobody.
    """
    arguments = ["verify", "--certificate", str(CERTIFICATE), str(answer)]

    assert ExitCode.ERROR == run([*arguments, "--header", header])
    assert "holds no signature" in capsys.readouterr().err


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b'{"a":1'])
def test_what_cannot_be_read_is_not_good(given, capsys, body):
    """
    1, with the reason.
    """
    given(body)

    assert ExitCode.NO == run(["verify", "--certificate", str(CERTIFICATE), "-"])
    assert capsys.readouterr().out.startswith("unreadable | 无法读取 (it is not ")


def test_a_forged_answer_tells_why_and_nothing_of_it(given, capsys):
    """
    The reason, not the body.
    """
    given(b'{"meta":{"sign":"AAAA","ret_msg":"canary"}}')

    assert ExitCode.NO == run(["verify", "--certificate", str(CERTIFICATE), "-"])
    assert "forged | 签名无效 (meta.sign does not verify)\n" == capsys.readouterr().out


@pytest.mark.parametrize(
    ("given_bytes", "plain"),
    [
        ("张三".encode(), "张三"),
        ("张三\n".encode(), "张三"),
        (b"123\r\n", "123"),
        (b" 1 2 \n", " 1 2 "),
        (b"1\n\n", "1\n"),
    ],
)
def test_seal_prints_what_the_gateway_opens(given, capsys, given_bytes, plain):
    """
    The line end after the text is the shell's.
    """
    given(given_bytes)

    assert ExitCode.OK == run(["seal", "--certificate", str(CERTIFICATE)])

    sealed = capsys.readouterr().out

    assert sealed.endswith("\n")
    assert Secret(plain) == Opener(PrivateKey.load(GATEWAY)).open(sealed.strip())


@pytest.mark.parametrize("charset", ["gbk", "GBK"])
def test_seal_writes_gbk_when_asked(given, capsys, charset):
    """
    For old set-ups (gateway.md 4).
    """
    given("张三".encode())

    assert ExitCode.OK == run(
        ["seal", "--certificate", str(CERTIFICATE), "--charset", charset]
    )

    opener = Opener(PrivateKey.load(GATEWAY), charset="gbk")

    assert Secret("张三") == opener.open(capsys.readouterr().out.strip())


@pytest.mark.parametrize(
    ("content", "charset", "message"),
    [
        (b"", "utf-8", "holds no text"),
        (b"\n", "utf-8", "holds no text"),
        (b"canary\xff", "utf-8", "holds no text"),
        (b"canary" * 20, "utf-8", "has 120 bytes"),
        ("canary\N{PILE OF POO}".encode(), "gbk", "cannot be written in gbk"),
    ],
)
@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_what_cannot_be_sealed_is_wrong_use(
    given, capsys, content, charset, message, debug
):
    """
    And the text is not repeated, not even in a traceback.
    """
    given(content)
    arguments = ["seal", "--certificate", str(CERTIFICATE), "--charset", charset]

    assert ExitCode.ERROR == run([*debug, *arguments])

    output = capsys.readouterr()

    assert message in output.err
    assert "canary" not in output.err + output.out


@pytest.mark.parametrize(
    ("file", "kind", "bits"),
    [
        ("merchant_2048.key.p8", "private key (the merchant's .p8)", 2048),
        ("gateway_1024.cert.crt", "certificate (UMF's .crt)", 1024),
        ("gateway_1024.cert.der", "certificate (UMF's .crt)", 1024),
        ("merchant_1024.pub.pem", "public key", 1024),
    ],
)
def test_keys_tells_what_a_file_is(file, kind, bits, capsys):
    """
    Kind, size and fingerprint; a small key has a remark.
    """
    assert ExitCode.OK == run(["keys", str(VECTORS / file)])

    output = capsys.readouterr().out
    lines = dict(line.split(maxsplit=1) for line in output.splitlines())

    assert (kind, str(bits)) == (lines["kind"], lines["bits"])
    assert 16 == len(lines["fingerprint"])
    assert ("remark" in lines) is (bits == 1024)


def test_keys_of_a_pair_share_their_fingerprint(encrypted, capsys, monkeypatch):
    """
    That is how one sees whether two files belong together.
    """
    monkeypatch.setenv("KEY_PASSPHRASE", PASSPHRASE)
    run(["keys", str(VECTORS / "merchant_2048.pub.pem")])
    public = capsys.readouterr().out.splitlines()[2]
    run(["keys", str(encrypted), "--passphrase-env", "KEY_PASSPHRASE"])
    output = capsys.readouterr().out

    assert public in output
    assert "encrypted | 已加密" in output


def test_keys_reads_standard_input(given, capsys):
    """
    "-" is what a shell pipes, here too.
    """
    given(MERCHANT.read_bytes())

    assert ExitCode.OK == run(["keys", "-"])
    assert "private key" in capsys.readouterr().out


def test_a_file_that_was_cut_is_reported(tmp_path, capsys):
    """
    Not called a bad certificate.
    """
    path = tmp_path / "cut.p8"
    path.write_bytes(MERCHANT.read_bytes()[:300])

    assert ExitCode.ERROR == run(["keys", str(path)])
    assert "its end is missing" in capsys.readouterr().err


def test_a_passphrase_is_the_bytes_of_the_environment(tmp_path):
    """
    As OpenSSL takes it, UTF-8 or not; a key without one does not mind.
    """
    path = tmp_path / "encrypted.p8"
    environment = {**os.environb, b"KEY_PASSPHRASE": b"canary-\xff"}
    subprocess.run(
        [
            *("openssl", "pkcs8", "-inform", "DER", "-in", str(MERCHANT)),
            *("-topk8", "-outform", "DER", "-out", str(path)),
            *("-passout", "env:KEY_PASSPHRASE"),
        ],
        check=True,
        capture_output=True,
        env=environment,
    )

    for file in (path, MERCHANT):
        done = subprocess.run(
            [
                *(sys.executable, "-c", "from umfpay.cli import main; main()"),
                *("keys", str(file), "--passphrase-env", "KEY_PASSPHRASE"),
            ],
            capture_output=True,
            check=False,
            env=environment,
        )

        assert (ExitCode.OK, b"") == (done.returncode, done.stderr)


def test_a_variable_without_a_name_is_wrong_use(capsys):
    """
    The option is named, not an empty name.
    """
    assert ExitCode.ERROR == run(["keys", str(MERCHANT), "--passphrase-env", ""])
    assert "--passphrase-env takes the name" in capsys.readouterr().err


def test_keys_shows_nothing_of_a_private_key(capsys):
    """
    Not one number of it.
    """
    run(["keys", str(MERCHANT)])
    key = PrivateKey.load(MERCHANT).hidden.value
    output = capsys.readouterr().out

    for number in (key.n, key.d, key.p, key.q):
        assert str(number)[:12] not in output
        assert f"{int(number):x}"[:12] not in output


COMMANDS = [
    ["sign", "--key", "{}", "-"],
    ["sign", "--key", str(MERCHANT), "{}"],
    ["verify", "--certificate", "{}", "-"],
    ["verify", "--certificate", str(CERTIFICATE), "{}"],
    ["seal", "--certificate", "{}"],
    ["keys", "{}"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_file_that_is_not_there_is_wrong_use(command, given, capsys, tmp_path):
    """
    Missing, or a folder: one line that names it.
    """
    for path in (str(tmp_path / "missing"), str(tmp_path)):
        given(b"x")

        assert ExitCode.ERROR == run([part.format(path) for part in command])

        output = capsys.readouterr()

        assert path in output.err
        assert "Traceback" not in output.err
        assert "" == output.out


def test_a_name_that_no_file_can_have_is_wrong_use(capsys):
    """
    A zero character is a ValueError of Python.
    """
    assert ExitCode.ERROR == run(["sign", "--key", str(MERCHANT), "a\0b"])
    assert "cannot be read (ValueError)" in capsys.readouterr().err


@pytest.mark.parametrize("command", [COMMANDS[0], COMMANDS[2], *COMMANDS[4:]])
def test_a_file_that_is_no_key_is_wrong_use(command, given, capsys, tmp_path):
    """
    Empty or noise.
    """
    for content in (b"", b"no key"):
        given(b"x")
        path = tmp_path / "file"
        path.write_bytes(content)

        assert ExitCode.ERROR == run([part.format(path) for part in command])
        assert str(path) in capsys.readouterr().err


def test_the_wrong_file_of_the_two_is_named(given, capsys):
    """
    Key and certificate are often mistaken for one another.
    """
    given(b"x")

    assert ExitCode.ERROR == run(["sign", "--key", str(CERTIFICATE), "-"])
    assert "this is a certificate" in capsys.readouterr().err
    assert ExitCode.ERROR == run(["verify", "--certificate", str(MERCHANT), "-"])
    assert "this is a private key" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["sign"],
        ["sign", "-"],
        ["verify", "-"],
        ["seal"],
        ["keys"],
        ["seal", "--certificate", str(CERTIFICATE), "--charset", "klingon"],
        ["sign", "--key", str(MERCHANT), "a", "b"],
    ],
)
def test_missing_arguments_are_wrong_use(arguments, capsys):
    """
    click says which.
    """
    assert ExitCode.ERROR == run(arguments)
    assert "--help" in capsys.readouterr().err


def _process(*arguments, given=b""):
    code = "from umfpay.cli import main; main()"

    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        input=given,
        capture_output=True,
        check=False,
    )


def test_a_process_signs_and_another_verifies():
    """
    As in a shell: `umfpay sign ... | ...`.
    """
    body = b'{"payment":{"state":"TRADE_SUCCESS"}}'
    signed = _process("sign", "--key", str(GATEWAY), "-", given=body)
    header = f"Signature: {signed.stdout.decode()}"
    certificate = ("verify", "--certificate", str(CERTIFICATE))
    good = _process(*certificate, "--header", header, "-", given=body)
    bad = _process(*certificate, "--header", header, "-", given=body[:-1] + b",}")
    none = _process(*certificate, "-", given=body)

    assert [0, 0, 1, 3] == [step.returncode for step in (signed, good, bad, none)]
    assert [b""] * 4 == [step.stderr for step in (signed, good, bad, none)]
