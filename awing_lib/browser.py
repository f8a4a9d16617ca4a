"""A headless Chromium, for the benchmark of the interactive figures and for the checks of the built book."""

import contextlib
import shutil
from collections.abc import Iterator

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# --no-sandbox: containers run as root; the others keep the browser from calling home
_ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def find_browser() -> str | None:
    """Path of an installed Chromium, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextlib.contextmanager
def chromium() -> Iterator[object]:
    """A headless Chromium as a Playwright browser.

    Raises:
        RuntimeError: Playwright or a browser is missing; the message says how to get it.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise RuntimeError("Playwright is missing; pip install awing-lib[test]") from error
    executable = find_browser()
    if not executable:
        names = ", ".join(BROWSERS)
        raise RuntimeError(f"no Chromium found (looked for {names}); install one, e.g. apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
