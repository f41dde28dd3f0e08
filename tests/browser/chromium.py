"""The browser of the machine: where it is, how it is started, what it complains of."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-dev-shm-usage",
)  # fmt: skip
# In milliseconds: the machine may have other work.
PATIENCE = 15_000
# Reported through the console, which a policy cannot close.
TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", event => console.error(
    `${event.effectiveDirective} forbids ${event.blockedURI} ${event.sourceFile}`));
"""


def find() -> str | None:
    """Return the path of a Chromium, None where the machine has none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


@contextmanager
def running(path: str) -> Iterator[Browser]:
    """Run the browser for the time of the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS])
        try:
            yield browser
        finally:
            browser.close()


class Reader:
    """A window of the browser with cookies of its own, which keeps what it complains of."""

    def __init__(self, browser: Browser, address: str, **options: Any) -> None:
        self.complaints: list[str] = []
        self.context: BrowserContext = browser.new_context(base_url=address, **options)
        self.context.set_default_timeout(PATIENCE)
        self.context.add_init_script(TELL_VIOLATIONS)
        self.page = self.context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(f"{error}"))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{self.page.url}: {message.text}")
