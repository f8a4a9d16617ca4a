"""Fixtures for the interactive figures: their JavaScript and their pages, in Chromium."""

import json

import pytest

from awing_lib import browser, widgets

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Figures</title>
<meta name="viewport" content="width=device-width"><style>
html { color: #111; background: #fff } html[data-theme="dark"] { color: #eee; background: #14181e }
body { margin: 12px }</style></head><body>%s</body></html>"""


@pytest.fixture(scope="session")
def chromium():
    """A running Chromium."""
    if not browser.find_browser():
        pytest.skip("no Chromium is installed")
    with browser.chromium() as running:
        yield running


@pytest.fixture(scope="session")
def run_module(chromium):
    """run_module(script, data, source=...): what the script leaves in ``result``, with ``data`` and the source in scope."""
    page = chromium.new_page()

    def run(script, data=None, source=None):
        source = source if source is not None else widgets.module("loss_explorer")
        program = f"{source}\nconst data = {json.dumps(data)};\nlet result;\n{script}\nexport {{ result }};"
        return json.loads(page.evaluate(_IMPORT, program))

    yield run
    page.close()


_IMPORT = """async (program) => {
  const module = await import(URL.createObjectURL(new Blob([program], { type: "text/javascript" })));
  return JSON.stringify(module.result);
}"""


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
