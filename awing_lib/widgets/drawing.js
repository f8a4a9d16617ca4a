// What the interactive figures share: elements, controls, charts, redrawing, links to a setting. No dependencies.

const SVG = "http://www.w3.org/2000/svg";

// element("p", { class: "note" }, "text", child); names that start with "svg:" make SVG elements.
function element(name, attributes = {}, ...children) {
  const node = name.startsWith("svg:") ? document.createElementNS(SVG, name.slice(4)) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

let identifiers = 0;
const identifier = (name) => `aw-${name}-${Date.now().toString(36)}-${++identifiers}`;

// A number without noise: 0.123, 11.1, 2310, 1.2e-5.
function format(value, digits = 3) {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e-3 && size < 1e5 ? String(Number(value.toPrecision(digits))) : value.toExponential(1);
  return text.replace("-", "\u2212");
}

function write(model, name, value) {
  model.set(name, value);
  model.save_changes();
}

// Label, native range input and readout, tied to a trait of the model. With `log`, the slider moves in powers of ten.
function slider(model, { name, label, min, max, step, log = false, show = (value) => format(value) }) {
  const id = identifier(name);
  const toSlider = log ? Math.log10 : (value) => value;
  const fromSlider = log ? (value) => Number((10 ** value).toPrecision(3)) : (value) => value;
  const readout = element("output", { for: id });
  const input = element("input", {
    id, name, type: "range", min: toSlider(min), max: toSlider(max), step: log ? 0.01 : step,
    oninput: () => write(model, name, fromSlider(input.valueAsNumber)),
  });
  const update = () => {
    const value = model.get(name);
    if (fromSlider(input.valueAsNumber) !== value) input.value = toSlider(value);
    readout.textContent = show(value);
    input.setAttribute("aria-valuetext", show(value));
  };
  model.on(`change:${name}`, update);
  update();
  return element("div", { class: "aw-slider" }, element("label", { for: id }, label), input, readout);
}

function checkbox(model, { name, label }) {
  const id = identifier(name);
  const input = element("input", { id, name, type: "checkbox", onchange: () => write(model, name, input.checked) });
  const update = () => { input.checked = model.get(name); };
  model.on(`change:${name}`, update);
  update();
  return element("div", { class: "aw-check" }, input, element("label", { for: id }, label));
}

// Set several traits at once: { alpha: 2.1, omega: 14 }.
function writeAll(model, values) {
  for (const [name, value] of Object.entries(values)) model.set(name, value);
  model.save_changes();
}

// The one-sentence summary is read out when it changes, so it changes only when its words do.
function say(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

const button = (label, onclick, attributes = {}) =>
  element("button", { type: "button", class: "aw-button", onclick, ...attributes }, label);

let redraws = 0;

// Each redraw is a performance measure "aw-redraw", layout included, which the benchmark reads.
function timed(el, work) {
  const start = performance.now();
  work();
  el.getBoundingClientRect();
  if (++redraws % 1000 === 0) performance.clearMeasures("aw-redraw"); // an animation must not fill the memory
  performance.measure("aw-redraw", { start, end: performance.now() });
}

// Call draw now, after each change of the named traits, and when the figure's width changes; at most once a frame.
function redraw(model, el, names, draw) {
  let waiting = false, width = 0;
  const run = () => {
    waiting = false;
    timed(el, draw);
  };
  const schedule = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(run);
  };
  for (const name of names) model.on(`change:${name}`, schedule);
  run();
  const observer = new ResizeObserver(() => {
    if (Math.abs(el.clientWidth - width) < 1) return;
    width = el.clientWidth;
    schedule();
  });
  observer.observe(el);
  return () => { observer.disconnect(); for (const name of names) model.off(`change:${name}`, schedule); };
}

function ticks([low, high], count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

const tickText = (value) => (Math.abs(value) >= 1e-4 ? String(value).replace("-", "\u2212") : format(value));

const powersOfTen = ([low, high]) => {
  const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(`1e${first + i}`));
};

// Where the values of a domain lie between the pixels `from` and `to`, and the way back.
function scale([low, high], from, to, log) {
  const bend = log ? Math.log10 : (value) => value, start = bend(low), extent = bend(high) - start;
  const place = (value) => from + ((bend(value) - start) / extent) * (to - from);
  Object.assign(place, { from, to });
  place.invert = (pixel) => { const value = start + ((pixel - from) / (to - from)) * extent; return log ? 10 ** value : value; };
  return place;
}

// A line chart in SVG that fits its container. Use: chart.frame({ x: [0, 1], y: [0, 9] }), then chart.line(...).
// Lines, dots and texts are kept by key and updated in place; what a redraw does not name again disappears.
// logX, logY: that axis is logarithmic; domains and points stay in the data's own units.
function chart({ label, xLabel, yLabel, height = 240, logX = false, logY = false }) {
  const svg = element("svg:svg", { class: "aw-chart", role: "img", "aria-label": label });
  const axes = element("svg:g", { class: "aw-axes" }), marks = element("svg:g");
  const clip = identifier("clip"), clipBox = element("svg:rect");
  svg.append(element("svg:defs", {}, element("svg:clipPath", { id: clip }, clipBox)), axes, marks);
  const yText = element("svg:text", { "text-anchor": "middle" }, yLabel);
  const node = element("div", { class: "aw-chart-box" }, svg);
  const kept = new Map();
  const box = { left: 46, right: 10, top: 10, bottom: 40 };
  let named = new Set(), x, y, shape = "";
  const self = {
    node, svg,
    // Start a redraw with the given domains; draws the axes only if they changed.
    frame({ x: xDomain, y: yDomain }) {
      const width = Math.max(node.clientWidth, 240);
      x = scale(xDomain, box.left, width - box.right, logX);
      y = scale(yDomain, height - box.bottom, box.top, logY);
      Object.assign(self, { x, y, invert: x.invert });
      named = new Set();
      const wanted = JSON.stringify([width, xDomain, yDomain]);
      if (wanted === shape) return;
      shape = wanted;
      for (const [key, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) svg.setAttribute(key, value);
      for (const [key, value] of Object.entries({ x: box.left, y: box.top, width: width - box.left - box.right, height: height - box.top - box.bottom })) clipBox.setAttribute(key, value);
      const bottom = height - box.bottom, parts = [];
      for (const t of logX ? powersOfTen(xDomain) : ticks(xDomain, width < 420 ? 4 : 8)) {
        parts.push(element("svg:line", { x1: x(t), x2: x(t), y1: box.top, y2: bottom, class: t === 0 ? "aw-zero" : "aw-grid" }));
        parts.push(element("svg:text", { x: x(t), y: bottom + 16, "text-anchor": "middle" }, tickText(t)));
      }
      for (const t of logY ? powersOfTen(yDomain) : ticks(yDomain, 6)) {
        parts.push(element("svg:line", { x1: box.left, x2: width - box.right, y1: y(t), y2: y(t), class: t === 0 ? "aw-zero" : "aw-grid" }));
        parts.push(element("svg:text", { x: box.left - 6, y: y(t) + 4, "text-anchor": "end" }, tickText(t)));
      }
      parts.push(element("svg:text", { x: (box.left + width - box.right) / 2, y: height - 4, "text-anchor": "middle" }, xLabel));
      yText.setAttribute("transform", `translate(11 ${(box.top + bottom) / 2}) rotate(-90)`);
      parts.push(yText);
      axes.replaceChildren(...parts);
    },
    rename(yLabel, label) {
      yText.textContent = yLabel;
      svg.setAttribute("aria-label", label);
    },
    mark(key, tag, attributes) {
      if (named.has(key)) throw new Error(`two marks are called "${key}"`);
      named.add(key);
      if (!kept.has(key)) kept.set(key, marks.appendChild(element(`svg:${tag}`, { "data-key": key })));
      for (const [name, value] of Object.entries(attributes)) kept.get(key).setAttribute(name, value);
    },
    // points: [[x, y], ...] in data units; color: a CSS colour, dash: an SVG dash pattern.
    line(key, points, { color = "currentColor", dash = "none", width = 2 } = {}) {
      let d = "", pen = "M";
      for (const [px, py] of points) {
        if (!Number.isFinite(py)) { pen = "M"; continue; }
        d += `${pen}${x(px).toFixed(1)} ${y(py).toFixed(1)}`;
        pen = "L";
      }
      self.mark(key, "path", { d, fill: "none", style: `stroke:${color}`, "stroke-width": width, "stroke-dasharray": dash, "clip-path": `url(#${clip})` });
    },
    // A dot on the edge of the chart is drawn whole, one beyond it not at all.
    dot(key, px, py, { color = "currentColor", radius = 4.5 } = {}) {
      const cx = x(px), cy = y(py), near = (value, from, to) => value >= Math.min(from, to) - 0.5 && value <= Math.max(from, to) + 0.5;
      const within = near(cx, x.from, x.to) && near(cy, y.from, y.to);
      self.mark(key, "circle", { cx, cy, r: radius, style: `fill:${color}`, "clip-path": within ? "none" : `url(#${clip})` });
    },
    // A thin line across the whole chart at one x.
    upright(key, px, { color = "currentColor", dash = "none", width = 1 } = {}) {
      self.mark(key, "line", { x1: x(px), x2: x(px), y1: box.top, y2: height - box.bottom, style: `stroke:${color}`, "stroke-width": width, "stroke-dasharray": dash, "clip-path": `url(#${clip})` });
    },
    text(key, px, py, words, { dx = 0, dy = 0, anchor = "start" } = {}) {
      self.mark(key, "text", { x: x(px) + dx, y: y(py) + dy, "text-anchor": anchor });
      kept.get(key).textContent = words;
    },
    // Call pick(x) with the value under the pointer while it is pressed; swiping up and down still scrolls the page.
    onPick(pick) {
      svg.classList.add("aw-pick");
      const tell = (event) => { if (x && event.buttons === 1) pick(self.invert(event.clientX - svg.getBoundingClientRect().left)); };
      svg.addEventListener("pointerdown", (event) => { svg.setPointerCapture(event.pointerId); tell(event); });
      svg.addEventListener("pointermove", tell);
    },
    // End a redraw: remove what was not drawn this time.
    finish() {
      for (const [key, mark] of kept) if (!named.has(key)) { mark.remove(); kept.delete(key); }
    },
  };
  return self;
}

// A piece of a line, for legends: colour and dash, since colour alone does not tell lines apart for everybody.
const sample = ({ color, dash = "none" }) => element("svg:svg", { width: 34, height: 10, style: "flex:none", "aria-hidden": "true" },
  element("svg:line", { x1: 1, x2: 33, y1: 5, y2: 5, style: `stroke:${color}`, "stroke-width": 3, "stroke-dasharray": dash }));

// A button that sets several traits, and shows as pressed while all of them have its values: [node, values].
const preset = (model, label, values) => [button(label, () => writeAll(model, values)), values];

function showPressed(model, presets) {
  for (const [node, values] of presets) {
    node.setAttribute("aria-pressed", String(Object.entries(values).every(([name, value]) => model.get(name) === value)));
  }
}

function legend(entries) {
  return element("ul", { class: "aw-legend" }, ...entries.map((entry) => element("li", {}, sample(entry), entry.label)));
}

// Table for readers who want numbers; rows and head are arrays of strings.
function table(head, rows) {
  return element("table", { class: "aw-table" },
    element("thead", {}, element("tr", {}, ...head.map((cell) => element("th", { scope: "col" }, cell)))),
    element("tbody", {}, ...rows.map(([first, ...rest]) =>
      element("tr", {}, element("th", { scope: "row" }, first), ...rest.map((cell) => element("td", {}, cell))))));
}

// The id that links to the figure in the element `el` use: "name", and "name-2" for the second of its kind on a page.
function anchorOf(el, name) {
  const host = el.closest(".aw-host"), kind = host?.id.replace(/\d+$/, "");
  const place = host ? [...document.querySelectorAll(`.aw-host[id^="${kind}"]`)].indexOf(host) : 0;
  return place > 0 ? `${name}-${place + 1}` : name;
}

// A table of numbers that is made only while the reader has it open; rows() gives the rows. Call .update() at each redraw.
function numbersTable(head, rows) {
  const body = element("div");
  const update = () => { if (node.open) body.replaceChildren(table(head(), rows())); };
  const node = element("details", { ontoggle: update }, element("summary", {}, "Numbers"), body);
  return { node, update };
}

// Settings in the page's address: "#loss-explorer?alpha=2.1&bug=true". Reads them at once and when the address changes;
// returns the link's element. In Jupyter, where an address means nothing, it is the Python call for the same figure.
// limits: { trait: [low, high] }, and for a trait that is true or false anything, as [0, 1].
function settingsLink(model, el, { anchor, call, limits }) {
  const names = Object.keys(limits), isFlag = (name) => typeof model.get(name) === "boolean";
  if (model.page) {
    anchor = anchorOf(el, anchor);
    const read = (event) => {
      // chat programs like to escape the signs of a query
      const [target, query] = location.hash.slice(1).replace(/%(3F|3D|26)/gi, decodeURIComponent).split("?");
      if (target !== anchor || !query) return;
      for (const [name, text] of new URLSearchParams(query)) {
        if (!Object.hasOwn(limits, name) || text === "") continue;
        const value = Number(text), [low, high] = limits[name];
        if (isFlag(name)) model.set(name, text === "true" || text === "1");
        else if (value >= low && value <= high) model.set(name, value);
      }
      requestAnimationFrame(() => el.scrollIntoView({ block: event ? "nearest" : "start" }));
    };
    read();
    addEventListener("hashchange", read);
  }
  const link = element("a", { class: "aw-link" }, "Link to these settings");
  const code = element("code", { class: "aw-link" });
  const said = element("span", { role: "status", class: "aw-said" });
  link.addEventListener("click", async () => {
    said.textContent = await navigator.clipboard?.writeText(link.href).then(() => "copied", () => "") ?? "";
  });
  const python = (value) => (typeof value === "boolean" ? (value ? "True" : "False") : value);
  const update = () => {
    if (model.page) link.setAttribute("href", `#${anchor}?${names.map((name) => `${name}=${model.get(name)}`).join("&")}`);
    else code.textContent = `${call}(${names.map((name) => `${name}=${python(model.get(name))}`).join(", ")})`;
    said.textContent = "";
  };
  for (const name of names) model.on(`change:${name}`, update);
  update();
  return model.page ? element("span", {}, link, " ", said) : code;
}

const COLORS = {
  mse: { color: "var(--aw-red)", dash: "7 3", label: "MSE" },
  l1: { color: "var(--aw-blue)", dash: "2 3", label: "L1" },
  wing: { color: "var(--aw-amber)", dash: "9 3 2 3", label: "Wing" },
  awing: { color: "var(--aw-green)", dash: "none", label: "Adaptive Wing" },
};
