"""The book's interactive figures: anywidget classes that also draw themselves on a page without a kernel.

Each figure is one JavaScript module. In Jupyter it is an ordinary widget; on the published page the same module runs
on a stand-in for the widget model, embedded in the ``text/html`` form of the output.
"""

import itertools
import json
from pathlib import Path

import anywidget

_HERE = Path(__file__).parent
_numbers = itertools.count(1)

_HOST = """<div class="aw-host" id="{id}"><noscript><p>{alternative}</p></noscript></div>
<style>{css}</style>
<script type="module">
const state = {state}, listeners = {{}}, source = {esm};
const model = {{
  page: true,  // no kernel behind it
  get: (name) => state[name],
  set: (name, value) => {{
    if (state[name] === value) return;
    state[name] = value;
    (listeners["change:" + name] ?? []).forEach((listener) => listener());
  }},
  save_changes() {{}},
  on: (event, listener) => (listeners[event] ??= []).push(listener),
  off: (event, listener) => {{ listeners[event] = (listeners[event] ?? []).filter((other) => other !== listener); }},
}};
const {{ default: figure }} = await import(URL.createObjectURL(new Blob([source], {{ type: "text/javascript" }})));
figure.render({{ model, el: document.getElementById("{id}") }});
</script>"""


def module(name: str) -> str:
    """JavaScript of the figure ``name``, with the shared formulas and drawing code in front of it.

    One self-contained ES module: browsers refuse to import a neighbouring file over file://.
    """
    return "\n".join((_HERE / file).read_text("utf-8") for file in ("losses.js", "drawing.js", f"{name}.js"))


class BookFigure(anywidget.AnyWidget):
    """Base of the interactive figures: a widget in Jupyter, a live figure on the static page.

    Subclasses set ``_esm = module("...")``, their synchronised traits and ``alternative``, the text for readers
    without JavaScript.
    """

    _css = (_HERE / "figure.css").read_text("utf-8")
    alternative = ""

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if data is not None:
            data["text/html"] = self.html()
        return bundle

    def html(self) -> str:
        """The figure as HTML that needs no kernel and no other file."""
        # the figure's own traits, not those that every widget has (layout, ...) or that anywidget adds (_esm, ...)
        names = [name for name in self.trait_names(sync=True) if name[0] != "_" and not hasattr(BookFigure, name)]
        state = {name: getattr(self, name) for name in names}
        # ids count up instead of being random, so that a page built twice is the same page
        identifier = f"aw-{type(self).__name__.lower()}-{next(_numbers)}"
        return _HOST.format(
            id=identifier, css=self._css, alternative=self.alternative, state=_inline(state), esm=_inline(self._esm)
        )


def _inline(value: object) -> str:
    """JSON that may stand inside a script element."""
    return json.dumps(str(value) if not isinstance(value, dict) else value).replace("</", "<\\/")
