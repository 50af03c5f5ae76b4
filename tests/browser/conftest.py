"""
A real browser, a gateway in a box, and a shop that the browser comes back to.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from contextlib import AsyncExitStack

import pytest
from aiohttp import web
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from tests.servers.web import serve_aiohttp
from umfpay import UMFSession
from umfpay.emulator import Emulator, serve
from umfpay.notifications import NotificationInbox, NotificationReceiver
from umfpay.notifications.aiohttp import notification_routes
from umfpay.testing import EmulatorBox


# None of these may look for the internet, and none needs a screen.
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--lang=en",
)


@pytest.fixture(name="chromium", scope="session")
def _chromium(tmp_path_factory):
    """
    One browser for all tests.
    """
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")

    if browser is None or driver is None:
        if os.environ.get("CI") == "true":
            pytest.fail("chromium and chromium-driver are not installed")

        pytest.skip("chromium and chromium-driver are not installed")

    options = Options()
    options.binary_location = browser
    options.add_experimental_option("prefs", {"intl.accept_languages": "en"})

    for flag in _FLAGS:
        options.add_argument(flag)

    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    driver = webdriver.Chrome(options=options, service=Service(driver))
    driver.set_page_load_timeout(20)
    driver.set_window_size(1100, 900)

    yield driver

    driver.quit()


@pytest.fixture(name="page")
def _page(chromium):
    """
    The browser as a new customer finds it.
    """
    chromium.delete_all_cookies()
    chromium.set_window_size(1100, 900)

    return chromium


class Site:
    """
    Gateway, shop and session in a loop of their own, beside the browser.
    """

    def __init__(self, loop):
        self._loop = loop
        self.box = None
        self.session = None
        self.inbox = None
        self.shop = ""

    def run(self, work):
        """
        Return what the coroutine *work* gives.
        """
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def start(self, work):
        """
        Start the coroutine *work*; return its future.
        """
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def state(self, payment_id):
        async def ask():
            return (await self.session.payments.get(payment_id)).state

        return self.run(ask())


async def _open(world, stack, folder):
    emulator = Emulator(key_bits=1024)
    await stack.enter_async_context(serve(emulator))
    world.box = EmulatorBox(emulator)
    world.inbox = NotificationInbox(
        folder / "inbox.sqlite3",
        NotificationReceiver.from_config(world.box.config()),
    )
    world.inbox.handler(_apply)
    app = web.Application()
    app.add_routes(notification_routes(world.inbox))
    app.add_routes([web.get("/{back:.*}", _back)])
    world.shop = await stack.enter_async_context(serve_aiohttp(app))
    config = world.box.config(
        notify_url=f"{world.shop}/umf/notify", ret_url=f"{world.shop}/back"
    )
    await stack.enter_async_context(world.inbox)
    world.session = await stack.enter_async_context(UMFSession(config))


async def _apply(event, transaction):
    pass


async def _back(request):
    return web.Response(
        text=f"<h1>Shop</h1><p id=back>{request.path}</p>", content_type="text/html"
    )


@pytest.fixture(name="world")
def _world(tmp_path):
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    world = Site(loop)
    stack = AsyncExitStack()
    world.run(_open(world, stack, tmp_path))

    yield world

    world.run(stack.aclose())
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()
