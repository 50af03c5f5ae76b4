"""
How a port for data is had: PASV and EPSV, with servers that know one of them.
"""

from __future__ import annotations

import socket

import pytest

from umfpay.documents import upload_papers
from umfpay.errors import ConfigError, UploadError


@pytest.fixture(name="upload")
def _upload(papers, sequences):
    async def upload(server, **options):
        account = server.account(**options.pop("account", {}))

        return await upload_papers(
            account,
            papers,
            mer_reference_id="77",
            mer_date="20170206",
            sequences=sequences,
            **{"deadline": 20.0, "attempts": 2, **options},
        )

    return upload


def _port(server, host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family)
    server.sockets.append(listener)
    server.data = listener

    return listener.getsockname()[1]


def _extended(server):
    return f"229 Entering Extended Passive Mode (|||{_port(server)}|)"


def _extended_with_other_bars(server):
    return f"229 ok (!!!{_port(server)}!)"


def _usual(server):
    high, low = divmod(_port(server), 256)

    return f"227 Entering Passive Mode (127,0,0,1,{high},{low})."


def _bare(server):
    high, low = divmod(_port(server), 256)

    return f"227 ok 127,0,0,1,{high},{low}"


def _commands(server):
    return [
        line.split()[0] for line, _ in server.got if "PASV" in line or "EPSV" in line
    ]


KNOWN = {
    "only EPSV": {"PASV": "502 not implemented", "EPSV": _extended},
    "PASV is unknown": {"PASV": "500 what?", "EPSV": _extended},
    "PASV fails for now": {"PASV": "425 no", "EPSV": _extended},
    "PASV names no port": {"PASV": "227 ok", "EPSV": _extended},
    "PASV names port 0": {"PASV": "227 ok (127,0,0,1,0,0)", "EPSV": _extended},
    "PASV names 70000": {"PASV": "227 ok (127,0,0,1,273,112)", "EPSV": _extended},
    "PASV answers anything": {"PASV": "200 ok", "EPSV": _extended_with_other_bars},
    "229 to PASV": {"PASV": _extended},
    "only PASV": {"PASV": _usual, "EPSV": "502 not implemented"},
    "without brackets": {"PASV": _bare, "EPSV": "502 not implemented"},
}


@pytest.mark.parametrize("replies", KNOWN.values(), ids=KNOWN)
async def test_the_way_that_the_server_knows_is_taken(
    scripted, upload, papers, replies
):
    """
    Under the first number, in the first attempt, and asked for once.
    """
    server = scripted({**replies, "SIZE": _Size(papers.size)})
    done = await upload(server)

    assert 1 == done.sequence
    assert papers.size == server.size
    assert ["PASV", "EPSV"][: len(_commands(server))] == _commands(server)


class _Size:
    """
    Say that there is no such file, and after the upload how large it is.
    """

    def __init__(self, size):
        self.size = size

    def __call__(self, server):
        return f"213 {self.size}" if hasattr(server, "size") else "550 no such file"


async def test_by_tls_as_well(scripted, upload, papers, serving_tls, trusting):
    """
    A server with EPSV only, which wants TLS.
    """
    server = scripted(
        {**KNOWN["only EPSV"], "SIZE": _Size(papers.size)}, context=serving_tls
    )
    done = await upload(server, account={"security": "ftps", "ssl_context": trusting()})

    assert 1 == done.sequence


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        (
            {"PASV": "502 PASSWORD", "EPSV": "500 PASSWORD"},
            "PASV was refused with 502, EPSV was refused with 500",
        ),
        ({"PASV": "550 no", "EPSV": "522 no"}, "EPSV was refused with 522"),
    ],
)
async def test_a_server_that_knows_no_way_is_reported_before_a_number_is_used(
    scripted, upload, sequences, replies, words
):
    """
    What was refused stands in the error, and what to do; the server's words do not.
    """
    server = scripted(replies)

    with pytest.raises(ConfigError, match=words) as caught:
        await upload(server)

    assert "passive mode" in caught.value.advice.en
    assert "PASV 被拒绝" in caught.value.what.zh
    assert "PASSWORD" not in str(caught.value)
    assert ["PASV", "EPSV"] == _commands(server)
    assert not sequences.path.exists()


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        ({"PASV": "425 no", "EPSV": "500 no"}, "PASV was refused with 425"),
        ({"PASV": "227 ok", "EPSV": "229 ok"}, "the reply to PASV makes no sense"),
        ({"PASV": "421 bye"}, "421, it is closing"),
    ],
)
async def test_what_may_go_better_is_tried_again_without_a_number(
    scripted, upload, sequences, replies, words
):
    """
    Each attempt asks again; none begins a file.
    """
    server = scripted(replies)

    with pytest.raises(UploadError, match=words) as caught:
        await upload(server)

    assert "" == caught.value.name
    assert 2 == _commands(server).count("PASV")
    assert not sequences.path.exists()


async def test_a_port_that_was_closed_meanwhile_is_asked_for_again(
    scripted, upload, papers
):
    """
    A server may wait for a short time only: the number is not lost by that.
    """

    def closed_at_first(server):
        reply = _usual(server)

        if _commands(server) == ["PASV"]:
            server.data.close()

        return reply

    server = scripted({"PASV": closed_at_first, "SIZE": _Size(papers.size)})

    assert 1 == (await upload(server)).sequence
    assert ["PASV", "PASV"] == _commands(server)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("PROT", "Asking for TLS on data connections: the server replied 536"),
        ("TYPE", "Asking for binary transfer: the server replied 536"),
    ],
)
async def test_a_refused_step_is_named(
    scripted, upload, serving_tls, trusting, command, words
):
    """
    The login was fine, so it is not blamed.
    """
    server = scripted({command: "536 no"}, context=serving_tls)

    with pytest.raises(UploadError, match=words):
        await upload(
            server,
            attempts=1,
            account={"security": "ftps", "ssl_context": trusting()},
        )
