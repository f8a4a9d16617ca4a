"""Sphinx extension that keeps the built site self-contained and light."""

from pathlib import Path

UNWANTED = (
    "sphinx-thebe",
    "THEBE_JS_URL",  # both fetch a kernel from elsewhere
    "widget-state+json",  # tens of kB a page that nothing reads: the figures carry their own state
)


def _clean_scripts(app, pagename, templatename, context, doctree):
    kept = {}  # some extensions add one script twice, and the second copy is an error in the browser
    for script in context.get("script_files", []):
        attributes = dict(script.attributes)
        name = str(script.filename or "")
        told = (name, attributes.get("type") or "", attributes.get("body") or "")
        if not any(word in text for word in UNWANTED for text in told):
            kept.setdefault((name, tuple(sorted(attributes.items()))), script)
    context["script_files"] = list(kept.values())


def _prune_files(app, exception):
    if exception or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    for path in sorted(static.rglob("*"), reverse=True):
        name = path.relative_to(static).as_posix()
        # the page uses one MathJax component and its fonts, 1.7 of 25.8 MB
        used = ("mathjax/tex-chtml.js", "mathjax/output/chtml/fonts/")
        spare = name.startswith("mathjax/") and not name.startswith(used)
        if path.name == "fontawesome.js":
            path.write_text("// the icon fonts of the style sheet draw the icons, at a tenth of the size\n")
        elif path.is_file() and (spare or path.suffix == ".map"):
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def setup(app):
    app.connect("html-page-context", _clean_scripts, priority=900)
    app.connect("build-finished", _prune_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
