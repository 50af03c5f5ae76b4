"""
Papers, numbers, and FTP servers that trust an authority of ours.
"""

from __future__ import annotations

import os
import ssl

import pytest
import trustme

from tests.servers.ftp import Faulty, Scripted
from umfpay.documents import SequenceStore, pack_papers, upload_papers


@pytest.fixture(name="authority", scope="session")
def _authority():
    return trustme.CA()


@pytest.fixture(name="certificate", scope="session")
def _certificate(authority):
    return authority.issue_cert("127.0.0.1", "localhost")


@pytest.fixture(name="trusting")
def _trusting(authority):
    """
    Give a client's context that trusts our authority, for one version of TLS or all.
    """

    def make(version=None):
        context = ssl.create_default_context()
        authority.configure_trust(context)

        if version is not None:
            context.minimum_version = context.maximum_version = version

        return context

    return make


@pytest.fixture(name="papers")
def _papers():
    # Longer than what sockets buffer, and nothing that deflates.
    return pack_papers({"contract.pdf": os.urandom(1_500_000), "invoice.pdf": b"i"})


@pytest.fixture(name="sequences")
def _sequences(tmp_path):
    return SequenceStore(tmp_path / "papers.json")


@pytest.fixture(name="faulty")
def _faulty(tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    server = Faulty(folder)

    yield server

    server.close()


@pytest.fixture(name="scripted")
def _scripted():
    servers = []

    def start(*arguments, **options):
        servers.append(Scripted(*arguments, **options))

        return servers[-1]

    yield start

    for server in servers:
        server.close()


@pytest.fixture(name="serving_tls")
def _serving_tls(certificate):
    """
    A server's context with the certificate of our authority.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    return context


@pytest.fixture(name="upload")
def _upload(papers, sequences):
    """
    Upload the papers; the steps are kept.
    """

    async def upload(account, **options):
        upload.steps.clear()

        return await upload_papers(
            account,
            options.pop("papers", papers),
            sequences=options.pop("sequences", sequences),
            on_step=upload.steps.append,
            **{"mer_reference_id": "B2B-7", "mer_date": "20261123", **options},
        )

    upload.steps = []

    return upload
