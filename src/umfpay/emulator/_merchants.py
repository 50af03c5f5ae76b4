"""
The merchants of the gateway: the first, and another one that is made when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from umfpay.emulator._keys import Credentials


# Merchant ids in the heads of statement files: invented, four digits.
_FIRST_NUMBER: Final = 8017


class Merchants:
    """
    Credentials by client id; the gateway's key is the same in all of them.

    Args:
        first: Of the merchant that is always there.
        make: Makes or reads those of the other one, when it is first needed.
    """

    def __init__(self, first: Credentials, *, make: Callable[[], Credentials]) -> None:
        self.first = first
        self._make = make
        self._all = {first.client_id: first}

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def get(self, client_id: str) -> Credentials | None:
        """
        Return the credentials of *client_id*, None if the gateway knows no such client.
        """
        return self._all.get(client_id)

    @property
    def other(self) -> Credentials:
        """
        The other merchant.

        Raises:
            ConfigError: Its keys cannot be read or written.
        """
        if len(self._all) == 1:
            made = self._make()
            self._all[made.client_id] = made

        return list(self._all.values())[1]

    def is_other(self, client_id: str) -> bool:
        """
        Tell whether *client_id* is not the first merchant.
        """
        return client_id != self.first.client_id

    def number(self, client_id: str) -> str:
        """
        Return the merchant id in statement files.
        """
        return str(_FIRST_NUMBER + list(self._all).index(client_id))
