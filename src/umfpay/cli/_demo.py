"""
``umfpay demo``: the card payment of the guide, from token to statement.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final

import attrs
import click

from umfpay.cli._demo_all import StoryStep, open_shop, run_stories
from umfpay.cli._demo_steps import Step, card_story, look_around
from umfpay.cli._exit_codes import Exit
from umfpay.cli._sessions import open_session, read_emulator, settings
from umfpay.cli._signals import run_to_end
from umfpay.cli._streams import print_json, print_line
from umfpay.config import Config
from umfpay.errors import ConfigError, Text


_UNTRIED_KEY_NOTE: Final = (
    "; the merchant key was not tried, for these steps sign nothing, nor the"
    " client_secret where the token was a stored one"
    " | 这些步骤不签名，商户私钥未经验证；若使用了已保存的令牌，client_secret 也未经验证"
)


@click.command()
@click.option(
    "--all", "all_stories", is_flag=True, help="Tell all eight stories of the guide."
)
@click.option("--json", "as_json", is_flag=True, help="Print the steps as JSON.")
@click.option("--base-url", help="Another gateway: only the read-only steps run there.")
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Its settings: umf.env or TOML. Default: the environment.",
)
@click.option(
    "--fetch-token",
    is_flag=True,
    help="Fetch a token although that logs out all workers that run now.",
)
def demo(
    all_stories: bool,  # noqa: FBT001 (click passes flags by name)
    as_json: bool,  # noqa: FBT001
    base_url: str | None,
    file: Path | None,
    fetch_token: bool,  # noqa: FBT001
) -> int:
    """
    Take the guide's card payment, or --all its stories, against an emulator.
    """
    elsewhere = base_url is not None or file is not None

    if all_stories and elsewhere:
        raise ConfigError(
            "--all pays: it runs against its own emulator only.",
            "--all 会付款，只能在自带的模拟网关上运行。",
            advice=Text("Leave out one of the two.", "请去掉其中一个选项。"),
        )

    if all_stories:
        stories = _Printer(_story_line, as_json=as_json)
        run_to_end(_all_stories(stories))

        return stories.finish()

    show = _Printer(_line, as_json=as_json, signs=not elsewhere)

    if not elsewhere:
        run_to_end(_demo_with_emulator(show))
    else:
        run_to_end(_demo_elsewhere(show, base_url, file, fetch_token=fetch_token))

    return show.finish()


class _Printer:
    """
    Prints each step when it is done, or all of them as one JSON document.

    Args:
        signs: Whether a step signs a request, and so tries the merchant key.
    """

    def __init__(
        self, line: Callable[[Any], str], *, as_json: bool, signs: bool = True
    ) -> None:
        self._line = line
        self._as_json = as_json
        self._signs = signs
        self._steps: list[Any] = []  # Step, or StoryStep

    def __call__(self, step: Any) -> None:
        self._steps.append(step)

        if not self._as_json:
            print_line(self._line(step))

    def finish(self) -> Exit:
        good = bool(self._steps) and all(step.good for step in self._steps)

        if self._as_json:
            steps = [attrs.asdict(step) for step in self._steps]
            result = {"ok": good, "merchant_key_tried": self._signs, "steps": steps}
            print_json(json.dumps(result, indent=2))
        else:
            done = sum(step.good for step in self._steps)
            untried = "" if self._signs else _UNTRIED_KEY_NOTE
            click.echo(f"{done} of {len(self._steps)} steps as expected{untried}")

        return Exit.GOOD if good else Exit.NO


def _line(step: Step) -> str:
    mark = "ok" if step.good else "NO"

    return (
        f"{mark:<3}{step.name:<22}{step.call:<58}{step.state:<26}"
        f"{step.milliseconds:>8.1f} ms  {step.signature}"
    )


def _story_line(step: StoryStep) -> str:
    mark = "ok" if step.good else "NO"

    return (
        f"{mark:<3}{step.story:<20}{step.name:<12}{step.state:<20}"
        f"{step.milliseconds:>9.1f} ms"
    )


async def _all_stories(show: _Printer) -> None:
    from umfpay.emulator import Emulator, serve

    box = Emulator()

    def control(method: str, path: str) -> dict[str, Any]:
        return box.control(method, path, {} if method == "POST" else None)

    async with serve(box) as gateway:
        made = box.credentials

        def config(notify_url: str) -> Config:
            return Config(
                client_id=made.client_id,
                client_secret=made.client_secret,
                merchant_key=made.merchant_key,
                gateway_certificate=made.gateway_certificate,
                base_url=gateway.base_url,
                notify_url=notify_url,
                token_store="memory",  # noqa: S106 (a place, not a password)
            )

        async with open_shop(config, control) as shop:
            await run_stories(shop, show)


async def _demo_with_emulator(show: _Printer) -> None:
    from umfpay.emulator import Emulator, serve, serve_app

    box = Emulator()

    async with serve(box) as gateway:
        made = box.credentials
        config = Config(
            client_id=made.client_id,
            client_secret=made.client_secret,
            merchant_key=made.merchant_key,
            gateway_certificate=made.gateway_certificate,
            base_url=gateway.base_url,
            token_store="memory",  # noqa: S106 (a place, not a password)
        )
        await card_story(
            config, serve_app=serve_app, sms_code=_sms_reader(gateway.origin), show=show
        )


def _sms_reader(origin: str) -> Any:
    async def read(payment_id: str) -> str:
        # What the customer would read on his phone.
        answer = await asyncio.to_thread(
            read_emulator, f"{origin}/_emulator/payments/{payment_id}/sms_code"
        )

        return str(answer["sms_code"])

    return read


async def _demo_elsewhere(
    show: _Printer, base_url: str | None, file: Path | None, *, fetch_token: bool
) -> None:
    config = settings(file, base_url=base_url)

    async with open_session(config, fetch_token=fetch_token) as session:
        await look_around(session, date.today(), show=show)  # noqa: DTZ011 (a business date)
