"""The build's memory: what counts as a change, and what does not."""

import json
from types import SimpleNamespace

import build_book
import pytest


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A small project whose Sphinx build and proof only count their calls."""
    for name in (*build_book.LIBRARY, *build_book.PAGES):
        path = tmp_path / name
        path.mkdir(parents=True) if "." not in name else path.write_text(name)
    (tmp_path / "awing_lib/losses.py").write_text("theta = 0.5")
    (tmp_path / "book/chapter.ipynb").write_text("{}")
    places = {"ROOT": "", "BUILD": "_build", "SITE": "_build/html", "RECORD": "_build/book.json"}
    for name, place in places.items():
        monkeypatch.setattr(build_book, name, tmp_path / place)
    calls = []

    def sphinx_build(library, record):
        calls.append(record.get("library") == library)  # are the executed notebooks still good?
        build_book.SITE.mkdir(parents=True, exist_ok=True)
        (build_book.SITE / "index.html").write_text("page")

    monkeypatch.setattr(build_book, "sphinx_build", sphinx_build)
    monkeypatch.setattr(build_book.check_site, "prove", lambda site: ([], []))
    return SimpleNamespace(root=tmp_path, calls=calls)


def builds(book):
    """Run the build; was Sphinx called, and if so, were the executed notebooks kept?"""
    before = len(book.calls)
    build_book.main()
    return book.calls[-1] if len(book.calls) > before else None


def test_nothing_changed_is_not_built_again(book, capsys):
    assert builds(book) is False
    assert builds(book) is None
    assert "nothing has changed" in capsys.readouterr().out


@pytest.mark.parametrize(
    "path, kept",
    [
        ("awing_lib/losses.py", False),
        ("awing_lib/widgets/new.js", False),
        ("data/results/run.json", False),
        ("requirements.lock", False),
        ("book/chapter.ipynb", True),
        ("_toc.yml", True),
        ("tools/check_site.py", True),
    ],
)
def test_a_change_is_noticed_and_executes_what_depends_on_it(book, path, kept):
    builds(book)
    (book.root / path).parent.mkdir(exist_ok=True)
    (book.root / path).write_text("changed")
    assert builds(book) is kept


def test_a_touched_site_and_a_new_browser_are_noticed(book, monkeypatch):
    monkeypatch.setattr(build_book, "find_browser", lambda: None)
    builds(book)
    monkeypatch.setattr(build_book, "find_browser", lambda: "/usr/bin/chromium")
    assert builds(book) is True
    assert builds(book) is None
    (book.root / "_build/html/index.html").write_text("edited by hand")
    assert builds(book) is True


def test_problems_end_the_build_and_are_not_remembered_as_proved(book, monkeypatch, capsys):
    monkeypatch.setattr(build_book.check_site, "prove", lambda site: (["page: dead link x"], []))
    with pytest.raises(SystemExit, match="1 problems in the built site"):
        build_book.main()
    assert "PROBLEM page: dead link x" in capsys.readouterr().out
    assert not build_book.RECORD.exists() or "proved" not in json.loads(build_book.RECORD.read_text())


def test_caches_and_checkpoints_do_not_count(book):
    builds(book)
    (book.root / "awing_lib/__pycache__").mkdir()
    (book.root / "awing_lib/__pycache__/losses.pyc").write_text("x")
    assert builds(book) is None
