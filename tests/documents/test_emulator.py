"""
Papers from the SDK to the emulator's FTP server, which decide the payment's fate.
"""

from __future__ import annotations

import asyncio

from umfpay.documents import FTPAccount, upload_papers
from umfpay.emulator import Emulator, EmulatorSettings, serve


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
