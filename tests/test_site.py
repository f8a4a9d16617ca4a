"""The built site, and the checks that prove it: each must find the fault it looks for."""

import check_site
import nbformat
import pytest

from awing_lib.browser import find_browser

SITE = check_site.ROOT / "_build" / "html"
needs_site = pytest.mark.skipif(not SITE.is_dir(), reason="the site is not built; run make book")
needs_browser = pytest.mark.skipif(not find_browser(), reason="no Chromium is installed")

GOOD = """<!doctype html><html><head><title>t</title><link rel="icon" href="data:,"></head><body>
<h1 id="top">A page</h1><a href="#top">up</a> <a href="other.html#there">over</a> <a href="https://example.org">out</a>
<div class="cell_output"><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" alt="a single transparent pixel"></div>
{extra}</body></html>"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "other.html").write_text('<!doctype html><title>o</title><p id="there">here</p>')

    def make(extra=""):
        (tmp_path / "page.html").write_text(GOOD.format(extra=extra))
        return tmp_path

    return make


def static(site, pages=("page",), outputs=1, count=1):
    cell = nbformat.v4.new_code_cell("1", outputs=[nbformat.v4.new_output("stream", text="x")] * outputs)
    cell.execution_count = count
    return check_site.static_problems(site, list(pages), {"page": {"cells": [cell]}})


def test_a_good_page_has_no_problems(site):
    assert static(site()) == []


@pytest.mark.parametrize(
    "extra, problem",
    [
        ('<a href="nowhere.html">x</a>', "dead link nowhere.html"),
        ('<a href="other.html#nowhere">x</a>', "dead anchor other.html#nowhere"),
        ('<a href="../../../etc/passwd">x</a>', "dead link"),
        ("<img src='data:,'>", "no useful text alternative: None"),
        ("<img src='data:,' alt='plot.png'>", "no useful text alternative"),
        ('<div class="book-figure" aria-label="">x</div>', "figure has no useful text alternative"),
        ('<script src="https://example.org/x.js"></script>', "loads https://example.org/x.js"),
        ('<link rel="stylesheet" href="https://example.org/x.css">', "loads https://example.org/x.css"),
        ('<script type="application/vnd.jupyter.widget-view+json">{}</script>', "needs a kernel"),
    ],
)
def test_static_faults_are_found(site, extra, problem):
    assert any(problem in text for text in static(site(extra)))


def test_missing_pages_and_outputs_are_found(site):
    assert any("gone: page is missing" in text for text in static(site(), pages=("page", "gone")))
    assert any("1 of 0 outputs" in text for text in static(site(), outputs=0))
    assert any("not every code cell was executed" in text for text in static(site(), count=None))
    traceback = '<div class="cell_output">Traceback (most recent call last)</div>'
    assert any("shows a traceback" in text for text in static(site(traceback)))


@needs_browser
@pytest.mark.parametrize(
    "extra, problem",
    [
        ("", None),
        ("<script>console.error('no')</script>", "console: no"),
        ("<script>throw new Error('oh')</script>", "script error: oh"),
        ("<script>fetch('https://example.org/data').catch(() => {})</script>", "asks for https://example.org/data"),
        ('<div class="aw-host"></div>', "0 of 1 interactive figures were drawn"),
        ('<span class="math">x</span>', "0 of 1 formulas were typeset"),
        ('<div style="width: 2000px">wide</div>', "wider than the screen"),
        ("<!-- " + "x" * check_site.MAX_PAGE_BYTES + " -->", "weighs"),
    ],
)
def test_faults_in_the_browser_are_found(site, extra, problem, monkeypatch):
    monkeypatch.setattr(check_site, "PATIENCE", 1)
    problems = check_site.browser_problems(site(extra), ["page"])
    assert any(problem in text for text in problems) if problem else problems == []


@needs_site
def test_the_files_of_the_built_site():
    pages = check_site.pages_of_toc()
    notebooks = check_site.executed_notebooks(pages, SITE.parent / ".jupyter_cache")
    assert check_site.static_problems(SITE, pages, notebooks) == []


@needs_site
@needs_browser
def test_the_built_site_in_chromium():
    assert check_site.browser_problems(SITE, check_site.pages_of_toc()) == []
