"""Fixtures for the interactive figures: their JavaScript in node, their pages in Chromium."""

import json
import os
import shutil
import subprocess

import pytest

import awing_lib.widgets as widgets

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Figures</title>
<meta name="viewport" content="width=device-width"><style>
html { color: #111; background: #fff } html[data-theme="dark"] { color: #eee; background: #14181e }
body { margin: 12px }</style></head><body>%s</body></html>"""


@pytest.fixture(scope="session")
def node():
    """node(script, data, source=...): what the script leaves in ``result``, with ``data`` and the source in scope."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")

    def run(script, data=None, source=None):
        source = source if source is not None else widgets.module("loss_explorer")
        program = (
            f"{source}\nconst data = {json.dumps(data)};\nlet result;\n{script}\nconsole.log(JSON.stringify(result));"
        )
        done = subprocess.run(
            ["node", "--input-type=module", "-"], input=program, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def chromium():
    """A running Chromium; AWING_CHROMIUM may name its program."""
    executable = os.environ.get("AWING_CHROMIUM") or next(filter(None, map(shutil.which, _BROWSERS)), None)
    if executable is None:
        pytest.skip("Chromium is not installed")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_figures(chromium, tmp_path):
    """open_figures(figure, ...): a page, opened over file://, that shows the figures; at the end it must be clean.

    Keywords: ``width``, ``theme`` ("light" or "dark"), ``address`` (what follows the file's name, like "#here?y=1"),
    and what else ``Browser.new_context`` takes. Every request beyond the file itself is refused and fails the test,
    as does anything in the console.
    """
    contexts, complaints = [], []

    def refuse(route):
        complaints.append(f"asked for {route.request.url}")
        route.abort()

    def open_page(*figures, width=1000, theme="light", address="", **options):
        context = chromium.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.route(lambda url: not url.startswith(("file:", "blob:", "data:")), refuse)
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        file = tmp_path / f"figures-{len(contexts)}.html"
        file.write_text(PAGE % "\n".join(figure.html() for figure in figures), "utf-8")
        page.goto(file.as_uri() + address)
        page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        for host in page.locator(".aw-host").all():
            host.locator(".aw-summary").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints, complaints
