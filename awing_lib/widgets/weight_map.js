// The weighted loss map: which pixels of a target count W + 1 times, and what share of the whole weight they carry.
// The numbers first (pure functions, held to the Python library by a test), the drawing after them.

export const SIZE = 64; // pixels a side; the landmark of the figure lies on the centre of a pixel
const CENTRE = 32, REACH = 15; // the pictures show this many pixels to each side: the rest is background
const SIDE = 2 * REACH + 1;

// render_heatmaps of awing_lib.heatmaps for one landmark: rows one after the other.
export function renderHeatmap({ x, y, sigma, size = SIZE }) {
  const profile = (centre) => Float64Array.from({ length: size }, (_, i) => {
    const value = Math.exp((-0.5 * (i - centre) ** 2) / sigma ** 2);
    return value > 1e-9 ? value : 0;
  });
  const columns = profile(x), rows = profile(y), map = new Float64Array(size * size);
  for (let row = 0; row < size; row++) for (let column = 0; column < size; column++) map[row * size + column] = rows[row] * columns[column];
  return map;
}

// 1 where a pixel of at least the threshold lies at most `dilation` pixels away in x and in y.
export function maskOf(heatmap, threshold, dilation, size = SIZE) {
  const mask = new Uint8Array(heatmap.length);
  for (let i = 0; i < mask.length; i++) {
    if (!(heatmap[i] >= threshold)) continue;
    const row = Math.floor(i / size), column = i % size;
    const left = Math.max(0, column - dilation), right = Math.min(size - 1, column + dilation);
    for (let r = Math.max(0, row - dilation); r <= Math.min(size - 1, row + dilation); r++) mask.fill(1, r * size + left, r * size + right + 1);
  }
  return mask;
}

// loss_weight_map of awing_lib.heatmaps, which is `dilation` 1: W + 1 on the mask, 1 elsewhere.
export function lossWeightMap(heatmap, { threshold, weight, dilation = 1 }, size = SIZE) {
  return Float64Array.from(maskOf(heatmap, threshold, dilation, size), (marked) => weight * marked + 1);
}

// Foreground, what the dilation adds, and the rest: pixels, weight of each, total weight, smallest and largest target.
export function groups(heatmap, foreground, mask, weight) {
  const result = [weight + 1, weight + 1, 1].map((each) => ({ pixels: 0, each, total: 0, low: Infinity, high: -Infinity }));
  for (let i = 0; i < heatmap.length; i++) {
    const group = result[foreground[i] ? 0 : mask[i] ? 1 : 2], value = heatmap[i];
    group.pixels += 1;
    if (value < group.low) group.low = value;
    if (value > group.high) group.high = value;
  }
  for (const group of result) group.total = group.pixels * group.each;
  return result;
}

// -- drawing ----------------------------------------------------------------------------------------------------------
// Dark to light without a turn in lightness, so that it also reads in grey.
const SHADES = [[8, 6, 28], [62, 18, 110], [140, 36, 122], [214, 70, 82], [248, 148, 66], [253, 246, 184]];

const SHADE = Array.from({ length: 256 }, (_, level) => {
  const place = (level / 255) * (SHADES.length - 1), low = Math.min(Math.floor(place), SHADES.length - 2);
  return SHADES[low].map((from, i) => Math.round(from + (place - low) * (SHADES[low + 1][i] - from)));
});

// The border of a region of the pictures, along the edges of its pixels.
function outline(inside) {
  let path = "";
  for (let row = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      if (!inside(column, row)) continue;
      if (!inside(column - 1, row)) path += `M${column} ${row}v1`;
      if (!inside(column + 1, row)) path += `M${column + 1} ${row}v1`;
      if (!inside(column, row - 1)) path += `M${column} ${row}h1`;
      if (!inside(column, row + 1)) path += `M${column} ${row + 1}h1`;
    }
  }
  return path;
}

// A picture of SIDE x SIDE pixels with vector marks on it.
function picture(caption) {
  const canvas = element("canvas", { width: SIDE, height: SIDE, "aria-hidden": "true" });
  const marks = element("svg:svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, "aria-hidden": "true", style: "position:absolute;inset:1px;width:calc(100% - 2px);height:calc(100% - 2px)" });
  const context = canvas.getContext("2d"), image = context.createImageData(SIDE, SIDE);
  image.data.fill(255);
  const box = element("div", { role: "img", style: "position:relative" }, canvas, marks);
  return {
    marks,
    node: element("figure", {}, box, element("figcaption", {}, caption)),
    // level(column, row) in [0, 1]; label says what is to be seen
    paint(level, label) {
      for (let i = 0; i < SIDE * SIDE; i++) {
        const [red, green, blue] = SHADE[Math.round(255 * level(i % SIDE, Math.floor(i / SIDE)))];
        image.data[4 * i] = red;
        image.data[4 * i + 1] = green;
        image.data[4 * i + 2] = blue;
      }
      context.putImageData(image, 0, 0);
      box.setAttribute("aria-label", label);
    },
  };
}

const GROUPS = [
  { name: "foreground", fill: "var(--aw-green)" },
  { name: "added by dilation", fill: "repeating-linear-gradient(45deg, var(--aw-amber) 0 5px, color-mix(in srgb, var(--aw-amber) 55%, transparent) 5px 9px)" },
  { name: "all other pixels", fill: "color-mix(in srgb, currentColor 18%, transparent)" },
];

// A bar whose parts are the three groups.
function bar(label) {
  const parts = GROUPS.map(({ fill }) => element("div", { style: `background:${fill};height:100%` }));
  const strip = element("div", { role: "img", style: "display:flex;height:22px;border:1px solid var(--aw-faint);border-radius:4px;overflow:hidden" }, ...parts);
  return {
    parts,
    node: element("div", { style: "display:grid;grid-template-columns:4.5em 1fr;gap:8px;align-items:center;margin:4px 0" }, element("span", {}, label), strip),
    show(shares) {
      shares.forEach((share, i) => { parts[i].style.width = `${100 * share}%`; });
      strip.setAttribute("aria-label", `${label}: ${shares.map((share, i) => `${GROUPS[i].name} ${percent(share)}`).join(", ")}`);
    },
  };
}

const percent = (share) => `${format(100 * share)} %`;
const LIMITS = { threshold: [0.01, 0.99], dilation: [0, 3], weight: [0, 100], sigma: [0.5, 4] };
const PAPER = { threshold: 0.2, dilation: 1, weight: 10 };
const PRESETS = { "This book": { ...PAPER, sigma: 1 }, "Official code": { ...PAPER, sigma: 1.75 }, "No weights": { weight: 0 } };

function render({ model, el }) {
  const anchor = model.page && anchorOf(el, "weight-map");
  const target = picture("The target. Solid line: at least the threshold. Dashed: the mask.");
  const weights = picture("The weight of each pixel.");
  const line = (dash, width) => element("svg:path", { fill: "none", stroke: "#fff", "stroke-width": width, "stroke-dasharray": dash });
  const border = line("none", 0.28), mask = line("0.5 0.3", 0.2);
  target.marks.append(mask, border);
  const number = (attributes) => element("svg:text", { ...attributes, "text-anchor": "middle", style: "font:bold 2.6px system-ui,sans-serif;fill:#fff;stroke:#1b1b1f;stroke-width:.5;paint-order:stroke" });
  const inside = number({ x: SIDE / 2, y: SIDE / 2 + 0.9 }), outside = number({ x: 3, y: 4 });
  outside.textContent = "1";
  weights.marks.append(inside, outside);

  const bars = [bar("pixels"), bar("weight")];
  const key = element("ul", { class: "aw-legend" }, ...GROUPS.map(({ name, fill }) =>
    element("li", {}, element("span", { style: `display:inline-block;width:22px;height:12px;border:1px solid var(--aw-faint);background:${fill}`, "aria-hidden": "true" }), name)));
  const facts = element("ul", { class: "aw-facts", "aria-label": "Shares of the foreground" });
  const summary = element("p", { class: "aw-summary", role: "status" });
  let now; // the groups of the last redraw
  const shares = () => {
    const total = now.reduce((sum, group) => sum + group.total, 0);
    return now.map((group) => [group.pixels / SIZE ** 2, group.total / total]);
  };
  const numbers = numbersTable(
    () => ["pixels", "count", "of all", "weight each", "of the weight", "target from", "to"],
    () => now.map((group, i) => [GROUPS[i].name, String(group.pixels), percent(shares()[i][0]), format(group.each), percent(shares()[i][1]),
      ...(group.pixels ? [group.low, group.high].map((value) => format(value)) : ["", ""])]),
  );
  const presets = Object.entries(PRESETS).map(([label, values]) => [button(label, () => writeAll(model, values)), values]);

  el.append(element("div", { class: "aw aw-weight-map", id: anchor },
    element("div", { class: "aw-row", role: "group", "aria-label": "Settings of" }, ...presets.map(([node]) => node)),
    element("div", { class: "aw-controls" },
      slider(model, { name: "threshold", label: "threshold", min: 0.01, max: 0.99, step: 0.01 }),
      slider(model, { name: "dilation", label: "dilation", min: 0, max: 3, step: 1, show: (value) => `${value} px` }),
      slider(model, { name: "weight", label: "W", min: 0, max: 100, step: 1 }),
      slider(model, { name: "sigma", label: "sigma (σ)", min: 0.5, max: 4, step: 0.05 })),
    element("div", { style: "display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,150px),1fr));gap:10px;max-width:640px;margin:auto" }, target.node, weights.node),
    ...bars.map(({ node }) => node), key, facts, summary, numbers.node,
    settingsLink(model, el, { anchor: "weight-map", call: "WeightMap", limits: LIMITS })));

  function draw() {
    const settings = Object.fromEntries(Object.keys(LIMITS).map((name) => [name, model.get(name)]));
    const heatmap = renderHeatmap({ x: CENTRE, y: CENTRE, sigma: settings.sigma });
    const foreground = maskOf(heatmap, settings.threshold, 0), marks = maskOf(heatmap, settings.threshold, settings.dilation);
    now = groups(heatmap, foreground, marks, settings.weight);
    const index = (column, row) => (row + CENTRE - REACH) * SIZE + column + CENTRE - REACH;
    const within = (column, row) => column >= 0 && column < SIDE && row >= 0 && row < SIDE;
    border.setAttribute("d", outline((column, row) => within(column, row) && foreground[index(column, row)]));
    mask.setAttribute("d", outline((column, row) => within(column, row) && marks[index(column, row)]));
    target.paint((column, row) => heatmap[index(column, row)], `Target heatmap of standard deviation ${format(settings.sigma)} pixels with the outline of the mask`);
    const bright = Math.log(settings.weight + 1) / Math.log(LIMITS.weight[1] + 1);
    weights.paint((column, row) => (marks[index(column, row)] ? bright : 0), `Weights: ${format(settings.weight + 1)} in a patch about the landmark, 1 elsewhere`);
    inside.textContent = format(settings.weight + 1);

    const parts = shares(), marked = now[0].pixels + now[1].pixels;
    bars.forEach((strip, which) => strip.show(parts.map((part) => part[which])));
    for (const [node, values] of presets) node.setAttribute("aria-pressed", String(Object.entries(values).every(([name, value]) => settings[name] === value)));
    facts.replaceChildren(...[
      `foreground: ${now[0].pixels} pixels, ${percent(parts[0][1])} of the weight`,
      `added by the dilation: ${now[1].pixels} pixels, ${percent(parts[1][1])} of the weight`,
    ].map((words) => element("li", {}, words)));
    say(summary, `${marked} of ${SIZE ** 2} pixels (${percent(marked / SIZE ** 2)}) are marked and have the weight ${format(settings.weight + 1)}; ` +
      `together they carry ${percent(parts[0][1] + parts[1][1])} of the weight of the map.`);
    numbers.update();
  }
  return redraw(model, el, Object.keys(LIMITS), draw);
}

export default { render };
