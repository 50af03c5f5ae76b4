"""
Settings that are right, to be made wrong one by one.
"""

from __future__ import annotations

from pathlib import Path

import pytest


VECTORS = Path(__file__).parent.parent / "vectors"


@pytest.fixture(name="settings")
def _settings() -> dict[str, object]:
    return {
        "client_id": "a" * 40,
        "client_secret": "canary-secret-7f3a",
        "merchant_key": VECTORS / "merchant_2048.key.p8",
        "gateway_certificate": VECTORS / "gateway_2048.cert.crt",
        "base_url": "http://127.0.0.1:8100/cberest/v1",
    }


@pytest.fixture(name="environ")
def _environ(settings) -> dict[str, str]:
    return {f"UMF_{name.upper()}": str(value) for name, value in settings.items()}
