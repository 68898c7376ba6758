"""A real Chromium, driven by Playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

CHROMIUM = shutil.which("chromium")
_QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """Yield a browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*_QUIET.split(), *arguments])
        yield browser
        browser.close()


def complaints_of(page: Page) -> list[str]:
    """Return a list that collects the browser's errors: policy violations and script errors."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if _is_fault(message) else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def _is_fault(message: ConsoleMessage) -> bool:
    return message.type == "error" and "the server responded with a status of 4" not in message.text
