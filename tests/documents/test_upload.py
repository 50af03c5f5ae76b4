"""
Uploads against servers that do what servers do: cut, refuse, lie, stall.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import traceback
from pathlib import Path

import pytest
import trustme

from tests.servers.ftp import PASSWORD
from umfpay import documents
from umfpay.documents import FTPAccount, SequenceStore, pack_papers, upload_papers
from umfpay.emulator import Emulator, EmulatorSettings, serve
from umfpay.errors import ConfigError, DocumentError, UploadError


ORDER = {"mer_reference_id": "B2B-7", "mer_date": "20261123"}
OURS = Path(documents.__file__).parent


def name(sequence):
    return f"B2B-720261123{sequence:04d}.zip"


def _says_no_secret(error, caplog):
    """
    Neither the error, nor what hangs on it, nor the log shows the password.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if OURS in Path(frame.f_code.co_filename).parents:
            assert PASSWORD not in repr(frame.f_locals)

    assert PASSWORD not in str(error) + repr(error)
    assert PASSWORD not in caplog.text
    assert error.__cause__ is None
    assert error.__context__ is None


async def test_an_upload_that_is_cut_goes_again_under_the_next_number(faulty, upload):
    """
    The half file stays where it is, and its number is used.
    """
    faulty.cut_after = [100_000]
    done = await upload(faulty.account())

    assert (name(2), 2) == (done.name, done.sequence)
    assert faulty.files()[name(2)] == done.size
    assert faulty.files()[name(1)] < done.size
    assert [
        ("connecting", 1, ""),
        ("sending", 1, name(1)),
        ("broken", 1, name(1)),
        ("connecting", 2, ""),
        ("sending", 2, name(2)),
        ("uploaded", 2, name(2)),
    ] == [(step.name, step.attempt, step.file) for step in upload.steps]
    assert upload.steps[2].why is not None


async def test_after_the_last_attempt_it_is_an_error(faulty, upload, papers, caplog):
    """
    It names the last file that was begun; the next call goes on with the next number.
    """
    caplog.set_level(logging.DEBUG)
    faulty.cut_after = [10, 10, 10]

    with pytest.raises(UploadError) as caught:
        await upload(faulty.account())

    assert name(3) == caught.value.name
    assert not caught.value.money_may_have_moved
    _says_no_secret(caught.value, caplog)

    assert 4 == (await upload(faulty.account())).sequence


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("553 exists", "553, it refuses the name"),
        ("550 no", "550, it refuses the file"),
        ("452 full", "452, its disk is full"),
        ("banana", "makes no sense"),
    ],
)
async def test_a_server_that_refuses_the_file(faulty, upload, reply, words):
    """
    It is tried again; at last the error names the reply in words of ours.
    """
    faulty.refuse = [reply]

    assert 2 == (await upload(faulty.account())).sequence

    faulty.refuse = [reply] * 3

    with pytest.raises(UploadError, match=words) as caught:
        await upload(faulty.account())

    assert name(5) == caught.value.name


async def test_a_disk_that_fills_up_is_reported(scripted, upload):
    """
    The reply that comes instead of the end says why.
    """
    server = scripted({"stored": "452 no space PASSWORD"})

    with pytest.raises(UploadError, match="its disk is full") as caught:
        await upload(server.account(), attempts=1)

    assert "PASSWORD" not in str(caught.value)


async def test_a_reply_before_the_data_is_all_read_is_reported(scripted, upload):
    """
    A server that closes the data connection in the middle may say why.
    """
    server = scripted({"PASV": _closing_port})

    with pytest.raises(UploadError, match="552, no room") as caught:
        await upload(server.account(), attempts=1)

    assert name(1) == caught.value.name


def _closing_port(server):
    listener = socket.create_server(("127.0.0.1", 0))
    server.sockets.append(listener)
    high, low = divmod(listener.getsockname()[1], 256)

    def close():
        try:
            one, _ = listener.accept()
        except OSError:
            # The test was over before this thread began.
            return

        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        one.recv(1)
        one.close()

    server.start(close)
    server.replies["STOR"] = "150 go on\r\n552 too much"
    server.take = lambda *_: None

    return f"227 ok (10,9,8,7,{high},{low})"


async def test_a_size_that_differs_is_never_done(faulty, upload, papers):
    """
    All attempts are made; none is reported as done.
    """
    faulty.lie = -1

    with pytest.raises(UploadError, match=f"{papers.size - 1} bytes of {papers.size}"):
        await upload(faulty.account())

    assert [name(1), name(2), name(3)] == sorted(faulty.files())
    assert "uploaded" not in [step.name for step in upload.steps]


@pytest.mark.parametrize("unknown", [{"SIZE"}, {"SIZE", "MLST"}])
async def test_the_size_can_be_given_in_other_ways(faulty, upload, unknown):
    """
    By the facts of MLST, or by a line of LIST.
    """
    faulty.unknown = unknown

    assert 1 == (await upload(faulty.account())).sequence


async def test_without_a_size_it_is_not_proven(faulty, upload):
    """
    It is not sent again: another server's answer will be no other.
    """
    faulty.unknown = {"SIZE", "MLST", "LIST"}

    with pytest.raises(UploadError, match="cannot be proven") as caught:
        await upload(faulty.account())

    assert name(1) == caught.value.name
    assert name(1) in caught.value.advice.en
    assert [name(1)] == list(faulty.files())


async def test_a_name_the_server_has_is_not_written_over(faulty, upload, tmp_path):
    """
    Whoever lost the numbers skips the names that are taken.
    """
    await upload(faulty.account())
    kept = (faulty.folder / name(1)).read_bytes()
    other = pack_papers({"contract.pdf": b"another"})
    lost = SequenceStore(tmp_path / "new.json")
    done = await upload(faulty.account(), papers=other, sequences=lost)

    assert 2 == done.sequence
    assert kept == (faulty.folder / name(1)).read_bytes()


async def test_a_server_that_has_every_name(scripted, upload, tmp_path):
    """
    The search ends, and no file was begun.
    """
    server = scripted({"SIZE": "213 1"})

    with pytest.raises(UploadError, match="has 100 files") as caught:
        await upload(server.account(), attempts=1)

    assert "" == caught.value.name


async def test_a_wrong_password_is_reported_at_once(faulty, upload, caplog):
    """
    A ConfigError, no second attempt, no number used, and nothing secret in it.
    """
    caplog.set_level(logging.DEBUG)
    account = faulty.account(user="other")

    with pytest.raises(ConfigError, match="refuses user and password") as caught:
        await upload(account)

    _says_no_secret(caught.value, caplog)
    assert ["connecting", "broken"] == [step.name for step in upload.steps]
    assert 1 == (await upload(faulty.account())).sequence


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        ({"USER": "530 no shop tip-TOP#secret 7"}, "refuses user and password"),
        ({"PASS": "500 OOPS: tip-TOP#secret 7"}, "does not let us log in"),
        ({"PASS": "332 account"}, "does not let us log in"),
        ({"CWD": "550 no"}, "no folder 'in/box'"),
    ],
)
async def test_a_login_that_needs_another_setting(
    scripted, upload, caplog, replies, words
):
    """
    What the server repeats of the password goes nowhere.
    """
    server = scripted(replies)

    with pytest.raises(ConfigError, match=words) as caught:
        await upload(server.account(folder="in/box"))

    _says_no_secret(caught.value, caplog)
    assert 1 == [line for line, _ in server.got].count("USER shop")


@pytest.mark.parametrize("verb", ["greeting", "USER", "PASS", "TYPE", "CWD", "SIZE"])
async def test_a_server_that_is_busy_is_asked_again(scripted, upload, verb):
    """
    421 is for a while; nothing was begun, so there is no name.
    """
    server = scripted({verb: "421 too many users"})

    with pytest.raises(UploadError, match="421") as caught:
        await upload(server.account(folder="in"), attempts=2)

    assert "" == caught.value.name or verb == "SIZE"
    assert 2 == len([step for step in upload.steps if step.name == "connecting"])


async def test_a_user_without_a_password(scripted, upload):
    """
    A server that lets the name in is not told the password.
    """
    server = scripted({"USER": "230 in", "SIZE": _size()})

    assert 1 == (await upload(server.account())).sequence
    assert not any("PASS" in line for line, _ in server.got)


def _size():
    """
    No such file at first, then what was taken.
    """
    return lambda server: (
        f"213 {server.size}" if hasattr(server, "size") else "550 no such file"
    )


async def test_data_goes_to_the_host_of_the_account(scripted, upload, papers):
    """
    The address in the reply to PASV is not believed.
    """
    server = scripted({"SIZE": _size()})
    done = await upload(server.account())

    assert papers.size == server.size == done.size


async def test_nobody_listens(upload):
    """
    The error says so, and names no file.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    account = FTPAccount(host="127.0.0.1", port=port, user="u", password="p")

    with pytest.raises(UploadError, match="Connection refused") as caught:
        await upload(account, attempts=1)

    assert "" == caught.value.name


# TLS.


async def test_no_password_leaves_before_tls(
    scripted, upload, serving_tls, trusting, papers
):
    """
    AUTH is the only command in clear.
    """
    server = scripted({"SIZE": _size()}, context=serving_tls)
    account = server.account(security="ftps", ssl_context=trusting())
    await upload(account)
    clear = [line for line, over_tls in server.got if not over_tls]

    assert ["AUTH TLS"] == clear
    assert ("PROT P", True) in server.got
    assert papers.size == server.size


async def test_a_ca_file_is_trusted(scripted, upload, serving_tls, authority, tmp_path):
    """
    A PEM file of the authority is enough.
    """
    server = scripted({"SIZE": _size()}, context=serving_tls)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    account = server.account(security="ftps", ca_file=tmp_path / "ca.pem")

    assert 1 == (await upload(account)).sequence


@pytest.mark.parametrize("fault", ["authority", "name"])
async def test_a_wrong_certificate_ends_it(
    scripted, upload, trusting, authority, fault
):
    """
    Of an authority that we do not trust, or for another name: no password is sent.
    """
    issuer = trustme.CA() if fault == "authority" else authority
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert("ftp.example.org").configure_cert(context)
    server = scripted(context=context)
    account = server.account(security="ftps", ssl_context=trusting())

    with pytest.raises(ConfigError, match="certificate is not to be trusted") as caught:
        await upload(account)

    assert "no password was sent" in str(caught.value)
    assert [("AUTH TLS", False)] == server.got


async def test_a_server_without_tls_ends_it(faulty, upload):
    """
    ``ftps`` never becomes ``ftp`` by itself.
    """
    with pytest.raises(ConfigError, match="offers no TLS"):
        await upload(faulty.account(security="ftps"))

    assert 0 == faulty.logins


@pytest.mark.parametrize("reply", ["431 not now", "banana"])
async def test_a_tls_that_fails_for_now_is_tried_again(scripted, upload, reply):
    """
    Still without a password.
    """
    server = scripted({"AUTH": reply})

    with pytest.raises(UploadError, match="Starting TLS"):
        await upload(server.account(security="ftps"), attempts=2)

    assert [("AUTH TLS", False)] * 2 == server.got


async def test_data_in_clear_is_refused(scripted, upload, serving_tls, trusting):
    """
    A server that cannot protect data connections gets no papers.
    """
    server = scripted({"PROT": "536 no"}, context=serving_tls)
    account = server.account(security="ftps", ssl_context=trusting())

    with pytest.raises(UploadError, match="536"):
        await upload(account, attempts=1)

    assert not any(line.startswith("STOR") for line, _ in server.got)


async def test_what_a_stranger_adds_to_the_reply_to_auth_is_dropped(
    scripted, upload, serving_tls, trusting
):
    """
    Replies that came in clear are none.
    """
    server = scripted(
        {"AUTH": "234 TLS\r\n230 in, no password needed", "SIZE": _size()},
        context=serving_tls,
    )
    account = server.account(security="ftps", ssl_context=trusting())
    await upload(account)

    assert (f"PASS {PASSWORD}", True) in server.got


# Replies and numbers.


async def test_a_reply_without_an_end_is_refused(scripted, upload):
    """
    It does not fill the memory.
    """
    server = scripted({"greeting": "220-hello\r\n" + "220-more\r\n" * 300})

    with pytest.raises(UploadError, match="makes no sense"):
        await upload(server.account(), attempts=1)


async def test_a_greeting_of_several_lines_in_any_code_page(scripted, upload):
    """
    It is read to its end.
    """
    server = scripted(
        {"greeting": "220-欢迎\r\n 220 not yet\r\n220 go", "SIZE": _size()}
    )

    assert 1 == (await upload(server.account())).sequence


async def test_the_numbers_are_waited_for_no_longer_than_the_deadline(
    faulty, upload, sequences
):
    """
    A process that hangs with the lock is not ours to wait for.
    """
    from filelock import FileLock

    with (
        FileLock(f"{sequences.path}.lock"),
        pytest.raises(UploadError, match="No number could be had in time"),
    ):
        await upload(faulty.account(), deadline=0.3)

    assert {} == faulty.files()


# Arguments and steps.


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"attempts": 0}, ConfigError),
        ({"attempts": True}, ConfigError),
        ({"deadline": 0}, ConfigError),
        ({"deadline": float("nan")}, ConfigError),
        ({"mer_reference_id": "../7"}, DocumentError),
        ({"mer_date": "20261399"}, DocumentError),
    ],
)
async def test_arguments_are_checked_before_the_network(upload, changes, kind):
    """
    Nobody is connected to.
    """
    account = FTPAccount(host="127.0.0.1", port=9, user="u", password="p")

    with pytest.raises(kind):
        await upload(account, **changes)

    assert [] == upload.steps


async def test_steps_may_be_awaited_and_may_end_it(faulty, papers, sequences):
    """
    What the callback raises comes out, and the connection is closed.
    """

    async def stop(step):
        await asyncio.sleep(0)

        if step.name == "sending":
            raise KeyError(step.file)

    with pytest.raises(KeyError, match=name(1).replace(".", r"\.")):
        await upload_papers(
            faulty.account(), papers, sequences=sequences, on_step=stop, **ORDER
        )

    assert {} == faulty.files()


async def test_without_steps_it_is_quiet(faulty, papers, sequences):
    """
    The callback is optional.
    """
    done = await upload_papers(faulty.account(), papers, sequences=sequences, **ORDER)

    assert (papers.sha256, 1) == (done.sha256, done.sequence)
    assert done.at.tzinfo is not None


# The emulator.


async def test_papers_arrive_and_are_shown(papers, sequences, tmp_path):
    """
    With the settings of umf.env; a second set goes under the next number.
    """
    box = Emulator(tmp_path, key_bits=1024, settings=EmulatorSettings(papers="approve"))

    async with serve(box, ftp_port=0) as server:
        account = FTPAccount.from_file(tmp_path / "umf.env")

        assert server.ftp_port == account.port

        done = [
            await upload_papers(
                account,
                papers,
                mer_reference_id="B2B-7",
                mer_date="20261123",
                sequences=sequences,
            )
            for _ in range(2)
        ]

        while len(shown := box.control("GET", "/papers")["papers"]) < 2:
            await asyncio.sleep(0.01)

    assert [(one.name, one.size, one.sha256) for one in done] == [
        (one["name"], one["size"], one["sha256"]) for one in shown
    ]
    # Nobody has paid this order here.
    assert {"rejected"} == {one["status"] for one in shown}
