// The boundary mask: a predicted boundary map, its threshold, and the coordinates that it lets through.
// The numbers first (pure functions, held to the Python library by a test), the drawing after them.

export const SIZE = 64, PAPER = 0.05; // side of the maps; the paper's threshold

// x, y and r of each pixel, row after row, as coordinate_channels of awing_lib.coordconv.
export function coordinateChannels(height, width) {
  const [x, y, r] = [0, 1, 2].map(() => new Float64Array(height * width));
  for (let i = 0; i < x.length; i++) {
    const column = i % width, row = Math.floor(i / width);
    x[i] = (2 * column - (width - 1)) / Math.max(width - 1, 1);
    y[i] = (2 * row - (height - 1)) / Math.max(height - 1, 1);
    r[i] = Math.sqrt((x[i] * x[i] + y[i] * y[i]) / 2);
  }
  return { x, y, r };
}

// x and y where the map is at least the threshold, else 0, as boundary_coordinates of awing_lib.coordconv.
export function boundaryCoordinates(map, height, width, threshold) {
  const { x, y } = coordinateChannels(height, width);
  for (let i = 0; i < map.length; i++) if (!(map[i] >= threshold)) x[i] = y[i] = 0;
  return { x, y };
}

// A Gaussian blur of a square map; beyond the border the map goes on with its last pixel.
export function blurred(map, size, deviation) {
  if (deviation <= 0) return Float64Array.from(map);
  const reach = Math.ceil(4 * deviation);
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, k) => Math.exp(-((k - reach) ** 2) / (2 * deviation ** 2)));
  const sum = kernel.reduce((total, value) => total + value, 0);
  const along = (source, step, across) => {
    const result = new Float64Array(source.length);
    for (let line = 0; line < size; line++) {
      for (let place = 0; place < size; place++) {
        let value = 0;
        for (let k = -reach; k <= reach; k++) {
          value += kernel[k + reach] * source[line * across + Math.min(Math.max(place + k, 0), size - 1) * step];
        }
        result[line * across + place * step] = value / sum;
      }
    }
    return result;
  };
  return along(along(map, 1, size), size, 1);
}

// Standard normal numbers, always the same ones (mulberry32, Box-Muller), so that a slider changes their size only.
export function normals(count) {
  let state = 7;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return Float64Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()));
}

// What a network might predict: the clean map, blurred, plus noise. Nothing keeps it in [0, 1].
export function predicted(clean, size, spread, noise, numbers) {
  const map = blurred(clean, size, spread);
  if (noise > 0) for (let i = 0; i < map.length; i++) map[i] += noise * numbers[i];
  return map;
}

// Pixels that pass, those of the boundary (clean map, the paper's threshold) that do not, and those that should not.
export function count(map, clean, threshold) {
  let passed = 0, missed = 0, extra = 0;
  for (let i = 0; i < map.length; i++) {
    const passes = map[i] >= threshold, wanted = clean[i] >= PAPER;
    passed += passes;
    missed += wanted && !passes;
    extra += passes && !wanted;
  }
  return { passed, missed, extra };
}

// -- drawing ----------------------------------------------------------------------------------------------------------
// Heat from dark to light, coordinates from blue over grey to amber; what is masked is not painted at all.

const HEAT = [[8, 6, 28], [62, 18, 110], [140, 36, 122], [214, 70, 82], [248, 148, 66], [253, 246, 184]];
const SIGNED = [[20, 110, 190], [110, 158, 200], [150, 150, 150], [205, 160, 75], [220, 145, 0]];

// Returns paint(canvas, value): value(i) from 0 to 1, or NaN where nothing is painted.
function painter(canvas, colors) {
  const context = canvas.getContext("2d"), image = context.createImageData(canvas.width, canvas.height), pixels = image.data;
  return (value) => {
    for (let i = 0; i < pixels.length / 4; i++) {
      const level = value(i);
      pixels[4 * i + 3] = Number.isNaN(level) ? 0 : 255;
      if (Number.isNaN(level)) continue;
      const place = Math.min(Math.max(level, 0), 1) * (colors.length - 1), low = Math.min(Math.floor(place), colors.length - 2);
      for (let c = 0; c < 3; c++) pixels[4 * i + c] = colors[low][c] + (place - low) * (colors[low + 1][c] - colors[low][c]);
    }
    context.putImageData(image, 0, 0);
  };
}

function scaleBar(colors, low, high, label) {
  const bar = element("canvas", { width: 64, height: 1, role: "img", "aria-label": label, style: "height:12px;width:90px;" });
  painter(bar, colors)((column) => column / 63);
  return element("span", { class: "aw-row", style: "gap:2px 6px;font-size:13px;" }, low, bar, high);
}

const START = { threshold: PAPER, spread: 0, noise: 0 }, LIMITS = { threshold: [0.01, 0.9], spread: [0, 3], noise: [0, 0.2] };
const THRESHOLDS = [0.01, 0.05, 0.1, 0.2, 0.5];
const percent = (share) => `${(100 * share).toFixed(1)} %`;

function render({ model, el }) {
  const clean = Float64Array.from(model.get("boundary")), numbers = normals(clean.length), channels = coordinateChannels(SIZE, SIZE);
  const wanted = count(clean, clean, PAPER).passed;
  const anchor = model.page && anchorOf(el, "boundary-mask");

  const grid = element("div", { style: "display:grid;grid-template-columns:repeat(auto-fit,minmax(min(45%,150px),1fr));gap:10px;" });
  const panel = (name, title, colors) => {
    const canvas = element("canvas", { width: SIZE, height: SIZE, role: "img", "data-panel": name, style: "background:var(--aw-panel);" });
    const caption = element("figcaption", { style: "font-size:14px;" }, title);
    grid.append(element("figure", {}, canvas, caption));
    return { canvas, paint: painter(canvas, colors) };
  };
  const map = panel("map", "prediction", HEAT), x = panel("x", "x on the boundary", SIGNED);
  const y = panel("y", "y on the boundary", SIGNED), r = panel("r", "r, everywhere", SIGNED);
  r.paint((i) => (channels.r[i] + 1) / 2);
  r.canvas.setAttribute("aria-label", "The radius: 0 in the middle, 1 in the corners. It does not depend on the boundary");

  const presets = [preset(model, "Perfect prediction", START), preset(model, "Blurred and noisy", { ...START, spread: 1.5, noise: 0.04 })];
  const summary = element("p", { class: "aw-summary", role: "status" });
  let now = clean;
  const table = numbersTable(
    () => ["threshold", "pass", "share", "missed", "extra"],
    () => [...new Set([...THRESHOLDS, model.get("threshold")])].sort((a, b) => a - b).map((threshold) => {
      const { passed, missed, extra } = count(now, clean, threshold);
      return [threshold.toFixed(2), String(passed), percent(passed / clean.length), String(missed), String(extra)];
    }),
  );

  el.append(element("div", { class: "aw aw-boundary-mask", id: anchor },
    grid,
    element("div", { class: "aw-row", style: "margin-top:6px;gap:4px 22px;" },
      scaleBar(HEAT, "0", "1", "Colours of the boundary map, from dark at 0 to light at 1"),
      scaleBar(SIGNED, "−1", "1", "Colours of x, y and r: blue is -1, grey 0, amber 1"),
      element("span", { style: "font-size:13px;" }, "not painted: set to 0")),
    element("div", { class: "aw-controls" },
      slider(model, { name: "threshold", label: "threshold", min: 0.01, max: 0.9, step: 0.01 }),
      slider(model, { name: "spread", label: "blur", min: 0, max: 3, step: 0.1, show: (value) => `${format(value)} px` }),
      slider(model, { name: "noise", label: "noise", min: 0, max: 0.2, step: 0.01 })),
    element("div", { class: "aw-row" }, ...presets.map(([node]) => node)),
    summary, table.node,
    settingsLink(model, el, { anchor: "boundary-mask", call: "BoundaryMask", limits: LIMITS })));

  function draw() {
    const { threshold, spread, noise } = Object.fromEntries(Object.keys(START).map((name) => [name, model.get(name)]));
    now = predicted(clean, SIZE, spread, noise, numbers);
    map.paint((i) => now[i]);
    const through = boundaryCoordinates(now, SIZE, SIZE, threshold);
    for (const [name, { paint }] of Object.entries({ x, y })) paint((i) => (now[i] >= threshold ? (through[name][i] + 1) / 2 : NaN));
    const { passed, missed, extra } = count(now, clean, threshold);
    const share = `${passed} of ${clean.length} pixels pass (${percent(passed / clean.length)})`;
    map.canvas.setAttribute("aria-label", `The boundary map of a face, blurred by ${format(spread)} pixels, with noise of ${format(noise)}`);
    for (const [name, { canvas }] of Object.entries({ x, y })) {
      canvas.setAttribute("aria-label", `The channel ${name}, painted where the map is at least ${format(threshold)}: ${share}`);
    }
    say(summary, `At the threshold ${format(threshold)}, ${share}: ${missed} of the boundary's ${wanted} pixels are missed, ${extra} others come through.`);
    showPressed(model, presets);
    table.update();
  }
  return redraw(model, el, Object.keys(START), draw);
}

export default { render };
