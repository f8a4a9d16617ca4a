"""Prove that the built site is what it should be: python tools/check_site.py [_build/html]

Static checks read the files; browser checks open every page in Chromium with the outside world blocked, from a plain
file server under a sub-path and over file://.
"""

import contextlib
import functools
import http.server
import re
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from bs4 import BeautifulSoup

from awing_lib.browser import chromium, find_browser

ROOT = Path(__file__).resolve().parent.parent
MAX_PAGE_BYTES = 1_500_000  # on the first visit, fonts and MathJax aside
PATIENCE = 15  # seconds until formulas and figures must be drawn


def pages_of_toc(toc: Path = ROOT / "_toc.yml") -> list[str]:
    """Documents of the table of contents, without suffix."""
    names = []

    def walk(node):
        if isinstance(node, dict):
            names.extend(value for key, value in node.items() if key in ("root", "file"))
            node = list(node.values())
        if isinstance(node, list):
            for child in node:
                walk(child)

    walk(yaml.safe_load(toc.read_text("utf-8")))
    return names


# -- files ------------------------------------------------------------------------------------------------------------


def static_problems(site: Path, pages: list[str], notebooks: dict[str, dict]) -> list[str]:
    """Everything that is wrong with the files of the site.

    ``pages``: documents that must exist; ``notebooks``: those that are notebooks, as they were executed.
    """
    problems = []
    soups = {path: BeautifulSoup(path.read_text("utf-8"), "html.parser") for path in sorted(site.rglob("*.html"))}
    anchors = {path: {tag["id"] for tag in soup.find_all(id=True)} for path, soup in soups.items()}
    for name in pages:
        path = site / f"{name}.html"
        if path not in soups:
            problems.append(f"{name}: page is missing")
        elif name in notebooks:
            problems += [f"{name}: {text}" for text in _output_problems(soups[path], notebooks[name])]
    for path, soup in soups.items():
        name = path.relative_to(site).as_posix()
        found = [*_content_problems(soup), *_image_problems(soup), *_link_problems(soup, path, site, anchors)]
        problems += [f"{name}: {text}" for text in found]
    return problems


def executed_notebooks(pages: list[str], cache: Path) -> dict[str, dict]:
    """The pages that are notebooks, as they were executed; empty for one that was not."""
    from jupyter_cache import get_cache

    found = {}
    for name in pages:
        source = ROOT / f"{name}.ipynb"
        if source.exists():
            try:
                record = get_cache(cache).match_cache_file(str(source))
                found[name] = get_cache(cache).get_cache_bundle(record.pk).nb
            except KeyError:
                found[name] = {"cells": []}
    return found


def _output_problems(soup: BeautifulSoup, notebook: dict):
    """Outputs that the executed notebook has and the page lacks."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    if not cells or any(cell["execution_count"] is None for cell in cells):
        yield "not every code cell was executed"
    with_output = sum(bool(cell["outputs"]) for cell in cells)
    on_page = len(soup.select("div.cell_output"))
    if not on_page or on_page != with_output:
        yield f"{on_page} of {with_output} outputs are on the page"


def _content_problems(soup: BeautifulSoup):
    for output in soup.select("div.cell_output"):
        if "Traceback (most recent call last)" in output.get_text():
            yield "an output shows a traceback"
    if soup.find("script", type="application/vnd.jupyter.widget-view+json"):
        yield "an output is a widget that needs a kernel"
    for tag, attribute in (("script", "src"), ("img", "src"), ("iframe", "src"), ("link", "href"), ("source", "src")):
        for node in soup.find_all(tag, {attribute: True}):
            loads = tag != "link" or set(node.get("rel", [])) & {"stylesheet", "preload", "icon", "modulepreload"}
            if loads and urlsplit(node[attribute]).scheme in ("http", "https"):
                yield f"loads {node[attribute]} from outside the site"


def _image_problems(soup: BeautifulSoup):
    pictures = [(img.get("alt"), f"<img src={img.get('src', '')[:60]}>") for img in soup.find_all("img")]
    pictures += [(node.get("aria-label"), "figure") for node in soup.select(".book-figure")]
    for alt, where in pictures:
        if alt is None or len(alt.split()) < 3 or re.search(r"\.(png|svg|jpe?g)$", alt):
            yield f"{where} has no useful text alternative: {alt!r}"


def _link_problems(soup: BeautifulSoup, path: Path, site: Path, anchors: dict):
    for link in soup.find_all("a", href=True):
        parts = urlsplit(link["href"])
        if parts.scheme or parts.netloc or link["href"] == "#":
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if target.is_dir():
            target /= "index.html"
        if not target.is_relative_to(site.resolve()) or not target.exists():
            yield f"dead link {link['href']}"
        elif parts.fragment and target in anchors and unquote(parts.fragment) not in anchors[target]:
            yield f"dead anchor {link['href']}"


# -- browser ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def served(site: Path):
    """Address of the site on a plain file server, two folders below its root."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with tempfile.TemporaryDirectory() as root:
        below = Path(root, "some", "place")
        below.parent.mkdir()
        below.symlink_to(site.resolve(), target_is_directory=True)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=root))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/some/place/"
        finally:
            server.shutdown()
            server.server_close()


def browser_problems(site: Path, pages: list[str] | None = None, progress=lambda text: None) -> list[str]:
    """Open every page in Chromium, served and over file://, wide and narrow; everything that is wrong with them."""
    pages = [name for name in pages or pages_of_toc() if (site / f"{name}.html").exists()]
    problems = []
    with chromium() as browser, served(site) as address:
        for name in pages:
            progress(name)
            url = f"{address}{name}.html"
            problems += [f"{name}: {text}" for text in _open_page(browser, url, address, weigh=True)]
            local = (site / f"{name}.html").resolve().as_uri()
            root = site.resolve().as_uri()
            problems += [f"{name} over file://: {text}" for text in _open_page(browser, local, root, narrow=True)]
    return problems


def _open_page(browser, url: str, root: str, weigh: bool = False, narrow: bool = False) -> list[str]:
    problems, weights = [], {}
    context = browser.new_context(viewport={"width": 400 if narrow else 1280, "height": 900})
    page = context.new_page()

    def guard(route):
        if route.request.url.startswith((root, "data:", "blob:")):
            route.continue_()
        else:
            problems.append(f"asks for {route.request.url}")
            route.abort()

    def answered(response):
        if response.status >= 400:
            problems.append(f"{response.status} for {response.url}")
        if response.url.startswith(root) and not re.search(r"/mathjax/|\.(woff2?|ttf)($|\?)", response.url):
            with contextlib.suppress(Exception):  # a redirect has no body
                weights[response.url] = len(response.body())

    page.route("**/*", guard)
    page.on("console", lambda m: problems.append(f"console: {m.text}") if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
    if weigh:
        page.on("response", answered)
    page.goto(url, wait_until="load")
    problems += _drawn(page)
    if weigh and sum(weights.values()) > MAX_PAGE_BYTES:
        heaviest = sorted(weights, key=weights.get)[-4:]
        heavy = ", ".join(f"{Path(urlsplit(url).path).name} {weights[url]}" for url in heaviest)
        problems.append(f"weighs {sum(weights.values())} bytes, more than {MAX_PAGE_BYTES} ({heavy})")
    context.close()
    return list(dict.fromkeys(problems))


_STATE = """() => ({
  hosts: document.querySelectorAll(".aw-host").length,
  figures: document.querySelectorAll(".aw-host .aw").length,
  formulas: document.querySelectorAll(".math").length,
  typeset: document.querySelectorAll(".math mjx-container").length,
  mathErrors: document.querySelectorAll("mjx-merror, [data-mjx-error]").length,
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
})"""


def _drawn(page) -> list[str]:
    """Wait until formulas and figures are drawn, then say which are not."""
    deadline = time.monotonic() + PATIENCE
    while True:
        state = page.evaluate(_STATE)
        done = state["figures"] >= state["hosts"] and state["typeset"] >= state["formulas"]
        if done or time.monotonic() > deadline:
            break
        page.wait_for_timeout(100)
    page.wait_for_timeout(300)  # late errors
    problems = []
    if state["figures"] < state["hosts"]:
        problems.append(f"{state['figures']} of {state['hosts']} interactive figures were drawn")
    if state["typeset"] < state["formulas"]:
        problems.append(f"{state['typeset']} of {state['formulas']} formulas were typeset")
    if state["mathErrors"]:
        problems.append(f"{state['mathErrors']} formulas have errors")
    if page.evaluate(_STATE)["overflow"] > 1:
        problems.append(f"the page is {state['overflow']} px wider than the screen")
    return problems


def prove(site: Path) -> tuple[list[str], list[str]]:
    """(problems, notes) of the site; without a Chromium the browser checks are left to ``make test``, with a note."""
    pages = pages_of_toc()
    problems = static_problems(site, pages, executed_notebooks(pages, site.parent / ".jupyter_cache"))
    if not find_browser():
        return problems, ["no Chromium here: pages were checked as files, but not opened (make test needs one)"]
    problems += browser_problems(site, pages, progress=lambda name: print(f"  opening {name}", flush=True))
    return problems, [f"{len(pages)} pages opened in Chromium, served and over file://"]


if __name__ == "__main__":
    found, said = prove(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_build" / "html")
    print("\n".join([*said, *found]) or "no problems")
    sys.exit(bool(found))
