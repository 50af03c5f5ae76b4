"""
Many queries: all ids once, in any order, bounded, slower where it is busy, resumable.
"""

from __future__ import annotations

import asyncio

import pytest

from umfpay import errors
from umfpay.resources import BulkQueries


TEXT = errors.Text("busy", "繁忙")


class Gateway(BulkQueries):
    """
    Answers each id after a pause, and counts what runs at a time.
    """

    def __init__(self, *, ends=None):
        self.asked = []
        self.now = 0
        self.most = 0
        self.ends = ends or {}

    async def get(self, one):
        self.asked.append(one)
        self.now += 1
        self.most = max(self.most, self.now)

        try:
            await asyncio.sleep(0.001)
            end = self.ends.get(one, [])

            if end:
                raise end.pop(0)

            return f"object {one}"
        finally:
            self.now -= 1


def busy():
    return errors.RateLimitedError(*TEXT, ret_code="", http_status=429)


@pytest.fixture(name="ask")
def _ask(monkeypatch):
    monkeypatch.setattr("umfpay.resources._bulk._PAUSE_SECONDS", 0.01)

    def ask(gateway, ids, *, concurrency=5, checkpoint=None, on_progress=None):
        return gateway.get_many(
            ids,
            concurrency=concurrency,
            checkpoint=checkpoint,
            on_progress=on_progress,
        )

    return ask


async def test_each_id_is_asked_for_once_and_never_more_at_a_time(ask):
    """
    200 ids, five at a time.
    """
    gateway = Gateway()
    ids = [f"PAY_{number}" for number in range(200)]
    results = [result async for result in ask(gateway, ids)]

    assert sorted(ids) == sorted(gateway.asked) == sorted(one.id for one in results)
    assert all(one.object == f"object {one.id}" for one in results)
    assert 5 == gateway.most


async def test_ids_may_come_from_anywhere_and_are_not_collected(ask):
    """
    A generator is asked for the next id when there is room for it.
    """
    given = []

    async def ids():
        for number in range(1000):
            given.append(number)
            yield str(number)

    async for _ in ask(Gateway(), ids()):
        if len(given) > 100:
            break

        assert len(given) <= 120

    assert len(given) < 150


async def test_an_error_stands_in_the_place_of_its_object(ask):
    """
    And the others go on.
    """
    refusal = errors.InvalidRequestError(*TEXT, ret_code="00060780", http_status=200)
    gateway = Gateway(ends={"b": [refusal]})
    results = {one.id: one async for one in ask(gateway, ["a", "b", "c"])}

    assert results["b"].error is refusal
    assert results["b"].object is None
    assert "object a" == results["a"].object


async def test_a_busy_gateway_is_asked_slower_and_again(ask):
    """
    Each id gets its answer in the end; fewer calls run meanwhile, more afterwards.
    """
    progress = []
    ids = [str(number) for number in range(60)]
    gateway = Gateway(ends={one: [busy(), busy()] for one in ids[:10]})
    results = [
        one
        async for one in ask(gateway, ids, concurrency=8, on_progress=progress.append)
    ]

    assert all(one.error is None for one in results)
    assert 80 == len(gateway.asked)
    assert min(one.concurrency for one in progress) < 8
    assert progress[-1].concurrency > min(one.concurrency for one in progress)
    assert (60, 0, 60) == (progress[-1].done, progress[-1].failed, progress[-1].total)


async def test_a_gateway_that_stays_busy_is_given_up_for_this_id(ask, tmp_path):
    """
    The id is not done: a later run asks again.
    """
    path = tmp_path / "done"
    gateway = Gateway(ends={"a": [busy() for _ in range(6)]})
    (result,) = [one async for one in ask(gateway, ["a"], checkpoint=path)]

    assert isinstance(result.error, errors.RateLimitedError)

    (result,) = [one async for one in ask(gateway, ["a"], checkpoint=path)]

    assert "object a" == result.object


@pytest.mark.parametrize(
    "error",
    [
        errors.AuthenticationError(*TEXT, ret_code=None, http_status=401),
        errors.TokenError(*TEXT),
        errors.WrongLoopError(*TEXT),
        RuntimeError("a bug"),
    ],
)
async def test_what_would_end_every_call_ends_the_job(ask, error):
    """
    Not ten thousand times the same error.
    """
    gateway = Gateway(ends={str(number): [error] for number in range(100)})

    with pytest.raises(type(error)):
        async for _ in ask(gateway, [str(number) for number in range(100)]):
            pass

    assert len(gateway.asked) <= 5
    assert 0 == gateway.now


async def test_leaving_the_loop_ends_the_calls(ask):
    """
    No task is left behind.
    """
    gateway = Gateway()
    results = ask(gateway, (str(number) for number in range(100)))

    async for _ in results:
        break

    await results.aclose()

    assert 0 == gateway.now
    assert {asyncio.current_task()} == asyncio.all_tasks()


async def test_a_job_that_broke_off_goes_on_where_it_was(ask, tmp_path):
    """
    What was taken is not asked for again; what was under way is.
    """
    path = tmp_path / "done"
    ids = [str(number) for number in range(50)]
    first = ask(Gateway(), ids, checkpoint=path)
    taken = []

    async for result in first:
        if len(taken) == 20:
            break

        taken.append(result.id)

    await first.aclose()

    # Half a line, as a killed process leaves it.
    with path.open("a") as file:
        file.write("4")

    gateway, progress = Gateway(), []
    rest = [
        one.id
        async for one in ask(gateway, ids, checkpoint=path, on_progress=progress.append)
    ]

    assert sorted(ids) == sorted([*taken, *rest])
    assert 50 == progress[-1].done


@pytest.mark.parametrize("content", [b"something else\n", b"\xff\xfe\n", b"a"])
async def test_another_file_is_no_checkpoint(ask, tmp_path, content):
    """
    It is refused and stays as it is.
    """
    path = tmp_path / "done"
    path.write_bytes(content)

    with pytest.raises(errors.ConfigError, match="checkpoint") as caught:
        async for _ in ask(Gateway(), ["a"], checkpoint=path):
            pass

    assert "不是断点文件" in caught.value.what.zh
    assert "Name another file" in caught.value.advice.en
    assert content == path.read_bytes()


@pytest.mark.parametrize("concurrency", [0, True, 1.5, "20", 10**400])
async def test_concurrency_is_a_number(ask, concurrency):
    """
    Told before anything is asked for.
    """
    with pytest.raises(errors.ConfigError, match="concurrency"):
        async for _ in ask(Gateway(), ["a"], concurrency=concurrency):
            pass
