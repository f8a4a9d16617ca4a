"""Build the book into _build/html and prove it: python tools/build_book.py

Every notebook is executed. Executed notebooks are kept until the library, the data, the locked versions or the
notebook itself changes; a build whose every input and output is unchanged is not repeated.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import check_site
import yaml

from awing_lib.browser import find_browser

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build"
SITE = BUILD / "html"
RECORD = BUILD / "book.json"
# what a notebook's outputs depend on besides itself, and what else the pages are made from
LIBRARY = ("awing_lib", "data/results", "data/weights", "requirements.lock")
PAGES = ("book", "tools", "_config.yml", "_toc.yml")


def digest(*places: Path) -> str:
    """Hash of names and contents of files, and of all files below folders."""
    total = hashlib.sha256(sys.version.encode())
    for place in places:
        files = [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file())
        for path in files:
            if "__pycache__" not in path.parts and ".ipynb_checkpoints" not in path.parts:
                name = path.relative_to(place.parent).as_posix()
                total.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def read_record() -> dict:
    try:
        return json.loads(RECORD.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def sphinx_build(library: str, record: dict) -> None:
    cache = BUILD / ".jupyter_cache"
    if record.get("library") != library:
        shutil.rmtree(cache, ignore_errors=True)  # the cache itself sees changed notebooks, but not a changed library
    BUILD.mkdir(exist_ok=True)
    RECORD.unlink(missing_ok=True)
    RECORD.write_text(json.dumps({"library": library}), "utf-8")
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    config["execute"] |= {"execute_notebooks": "cache", "cache": str(cache)}
    config["sphinx"]["local_extensions"] = {"offline_site": str(ROOT / "tools")}  # relative to the file otherwise
    (BUILD / "_config.yml").write_text(yaml.safe_dump(config), "utf-8")
    shutil.rmtree(SITE, ignore_errors=True)
    jupyter_book = str(Path(sys.executable).with_name("jupyter-book"))
    command = [jupyter_book, "build", str(ROOT), "--config", str(BUILD / "_config.yml")]
    result = subprocess.run([*command, "--all", "-W", "-n", "--keep-going"], cwd=ROOT)
    if result.returncode:
        sys.exit("book: the build failed; the first warning or error above says where")


def main() -> None:
    start = time.perf_counter()
    library, pages = digest(*(ROOT / name for name in LIBRARY)), digest(*(ROOT / name for name in PAGES))
    record = read_record()
    # a site that was only read is proved again once there is a browser to open it
    wanted = {"library": library, "pages": pages, "opened": bool(find_browser())}
    if SITE.is_dir() and record.get("proved") == {**wanted, "site": digest(SITE)}:
        print(f"book: nothing has changed since this site was built and proved\nbook: {SITE / 'index.html'}")
        return
    sphinx_build(library, record)
    print("book: built; proving the site", flush=True)
    problems, notes = check_site.prove(SITE)
    for note in notes:
        print(f"book: {note}")
    for problem in problems:
        print(f"book: PROBLEM {problem}")
    if problems:
        sys.exit(f"book: {len(problems)} problems in the built site")
    RECORD.write_text(json.dumps({"library": library, "proved": {**wanted, "site": digest(SITE)}}), "utf-8")
    print(f"book: ready in {time.perf_counter() - start:.0f} s\nbook: {SITE / 'index.html'}")


if __name__ == "__main__":
    main()
