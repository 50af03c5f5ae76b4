"""
A handler that cannot work is refused where it is registered.
"""

from __future__ import annotations

import functools
from unittest.mock import AsyncMock

import pytest

from umfpay.errors import ConfigError
from umfpay.notifications import NotificationInbox


async def plain(event, transaction):
    pass


async def by_default(event, transaction, more=None):
    pass


async def anything(*args, **kwargs):
    pass


async def three(shop, event, transaction):
    pass


async def one(event):
    pass


async def keyword_only(event, transaction, *, shop):
    pass


async def keywords(*, event, transaction):
    pass


async def generator(event, transaction):
    yield


def synchronous(event, transaction):
    pass


def wrapper(event, transaction):
    return plain(event, transaction)


@functools.wraps(plain)
async def wrapped(*args):
    pass


class Shop:
    async def method(self, event, transaction):
        pass

    def other(self, event, transaction):
        pass

    async def short(self, event):
        pass

    @staticmethod
    async def static(event, transaction):
        pass

    @classmethod
    async def of_class(cls, event, transaction):
        pass


class Callable:
    async def __call__(self, event, transaction):
        pass


class ShortCallable:
    async def __call__(self, event):
        pass


class SyncCallable:
    def __call__(self, event, transaction):
        pass


GOOD = [
    plain,
    by_default,
    anything,
    wrapped,
    Shop().method,
    Shop.static,
    Shop.of_class,
    Callable(),
    functools.partial(three, Shop()),
    functools.partial(keyword_only, shop=1),
    functools.partial(functools.partial(three, 1)),
    functools.partial(Callable()),
    AsyncMock(),
]
BAD = [
    three,
    one,
    keyword_only,
    keywords,
    generator,
    synchronous,
    wrapper,
    lambda event, transaction: None,
    Shop().other,
    Shop().short,
    Shop.method,
    Shop,
    Callable,
    ShortCallable(),
    SyncCallable(),
    functools.partial(plain, 1),
    functools.partial(synchronous),
    print,
    None,
    "plain",
]


@pytest.fixture(name="inbox")
def _inbox(place, receiver):
    return NotificationInbox(place.spec, receiver)


def name_of(handler):
    """
    Without an address: workers that run tests side by side must agree on names.
    """
    return getattr(handler, "__qualname__", type(handler).__name__)


@pytest.mark.parametrize("handler", GOOD, ids=name_of)
def test_what_can_be_awaited_with_two_arguments_is_taken(inbox, handler):
    """
    And given back: it is a decorator.
    """
    assert handler is inbox.handler(handler)


@pytest.mark.parametrize("handler", BAD, ids=name_of)
def test_what_cannot_work_is_refused(inbox, handler):
    """
    Not when money is waiting.
    """
    with pytest.raises(ConfigError, match=r"inbox\.handler"):
        inbox.handler(handler)


@pytest.mark.parametrize("callback", [plain, synchronous, "text"])
def test_on_conflict_is_looked_at_too(place, receiver, callback):
    """
    It takes one argument.
    """
    with pytest.raises(ConfigError, match="on_conflict"):
        NotificationInbox(place.spec, receiver, on_conflict=callback)
