// Decoding: a patch of a heatmap with a true point, and what each method of decode_heatmaps reads from it.
// The numbers first (pure functions, held to the Python library by a test), the drawing after them.

export const SIDE = 21; // pixels of the map
export const VIEW = 9; // of which the middle ones are shown; the rest keeps the blur of "dark" off the border
export const METHODS = ["argmax", "quarter", "soft-argmax", "dark"];

// Standard normal numbers that depend on the seed alone, so that moving a slider does not shake the noise.
export function normals(seed, count) {
  let state = Math.imul(seed + 1, 0x9e3779b9) >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return Float64Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()));
}

// The Gaussian of render_heatmaps, about the point or, snapped, about the centre of its pixel; and noise on every pixel.
export function patch({ x, y, sigma, noise, seed, snapped }) {
  const centre = (value) => (snapped ? Math.floor(value + 0.5) : value);
  const profile = (at) => Array.from({ length: SIDE }, (_, i) => {
    const value = Math.exp(((i - at) ** 2 * -0.5) / sigma ** 2);
    return value > 1e-9 ? value : 0;
  });
  const columns = profile(centre(x)), rows = profile(centre(y)), normal = normals(seed, SIDE * SIDE);
  return normal.map((value, i) => rows[Math.floor(i / SIDE)] * columns[i % SIDE] + noise * value);
}

// decode_heatmaps of awing_lib.heatmaps for one square map.
export function decode(map, method, { sigma = 1, sharpness = 20, side = SIDE } = {}) {
  const top = map.reduce((best, value, i) => (value > map[best] ? i : best), 0);
  const column = top % side, row = Math.floor(top / side);
  if (method === "quarter") {
    if (column < 1 || column > side - 2 || row < 1 || row > side - 2) return [column, row];
    return [column + 0.25 * Math.sign(map[top + 1] - map[top - 1]), row + 0.25 * Math.sign(map[top + side] - map[top - side])];
  }
  if (method === "soft-argmax") {
    let sum = 0, x = 0, y = 0;
    map.forEach((value, i) => {
      const weight = Math.exp(sharpness * (value - map[top]));
      sum += weight;
      x += weight * (i % side);
      y += weight * Math.floor(i / side);
    });
    return [x / sum, y / sum];
  }
  return method === "dark" ? newton(map, column, row, sigma, side) : [column, row];
}

// Newton step to the maximum of the logarithm of the blurred map; near the border without the blur.
function newton(map, column, row, sigma, side) {
  const radius = Math.max(1, Math.round(3 * sigma));
  const bell = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(((i - radius) ** 2 * -0.5) / sigma ** 2));
  const total = bell.reduce((sum, value) => sum + value, 0);
  const axis = (position) => {
    const centre = Math.min(Math.max(position, 1), side - 2), inside = centre - radius - 1 >= 0 && centre + radius + 1 < side;
    const taps = (offset) => (inside ? bell.map((value, i) => [centre + offset + i - radius, value / total]) : [[centre + offset, 1]]);
    return { centre, taps: [-1, 0, 1].map(taps) };
  };
  const across = axis(column), down = axis(row);
  const v = down.taps.map((rows) => across.taps.map((columns) => {
    let value = 0;
    for (const [r, a] of rows) for (const [c, b] of columns) value += a * b * map[r * side + c];
    return value;
  }));
  const floor = Math.max(1e-30, 1e-6 * v[1][1]); // noise may be negative
  for (const line of v) line.forEach((value, i) => { line[i] = Math.log(Math.max(value, floor)); });
  const xSlope = (v[1][2] - v[1][0]) / 2, ySlope = (v[2][1] - v[0][1]) / 2;
  const xx = v[1][2] - 2 * v[1][1] + v[1][0], yy = v[2][1] - 2 * v[1][1] + v[0][1];
  const xy = (v[2][2] - v[2][0] - v[0][2] + v[0][0]) / 4, determinant = xx * yy - xy * xy;
  if (!(xx < 0 && determinant > 1e-6)) return [column, row];
  const limited = (step) => Math.min(Math.max(step, -1), 1);
  return [
    column + limited(across.centre - column + (xy * ySlope - yy * xSlope) / determinant),
    row + limited(down.centre - row + (xy * xSlope - xx * ySlope) / determinant),
  ];
}

// -- drawing ----------------------------------------------------------------------------------------------------------
// The map is the same in both themes, and so are the marks on it; the dark rim keeps them apart from any pixel.

const MARKS = {
  argmax: { color: "#ff9ad5", d: "M-.42-.42h.84v.84h-.84z" },
  quarter: { color: "#ffb000", d: "M0-.3L.28.2h-.56z" },
  "soft-argmax": { color: "#5cc4ff", d: "M0-.28L.28 0 0 .28-.28 0z" },
  dark: { color: "#62e3a8", d: "M-.14 0a.14 .14 0 1 0 .28 0a.14 .14 0 1 0-.28 0z" },
};
const FIRST = (SIDE - VIEW) / 2, RIM = "#1b1b1f", TRUTH = "#ffffff", CROSS = "M-.75 0h.5M.25 0h.5M0-.75v.5M0 .25v.5";
const RAMP = [[8, 6, 28], [62, 18, 110], [140, 36, 122], [214, 70, 82], [248, 148, 66], [253, 246, 184]];
const LIMITS = { x: [8, 12], y: [8, 12], sigma: [0.7, 2], noise: [0, 0.3], seed: [0, 9999], snapped: [0, 1] };
const START = { x: 10.3, y: 9.8, sigma: 1, noise: 0, seed: 0, snapped: false };

function paint(canvas, map) {
  const context = canvas.getContext("2d"), image = context.createImageData(VIEW, VIEW);
  for (let i = 0; i < VIEW * VIEW; i++) {
    const value = map[(FIRST + Math.floor(i / VIEW)) * SIDE + FIRST + (i % VIEW)];
    const place = Math.min(Math.max(value, 0), 1) * (RAMP.length - 1), low = Math.min(Math.floor(place), RAMP.length - 2);
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = RAMP[low][c] + (place - low) * (RAMP[low + 1][c] - RAMP[low][c]);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

const strokes = (d, color, width) => [
  element("svg:path", { d, fill: "none", style: `stroke:${RIM};stroke-width:${2.2 * width}` }),
  element("svg:path", { d, fill: "none", style: `stroke:${color};stroke-width:${width}` }),
];
const swatch = (...marks) => element("svg:svg", { width: 20, height: 20, viewBox: "-.8 -.8 1.6 1.6", "aria-hidden": "true", style: "background:#8c247a;border-radius:3px;vertical-align:-5px;margin-right:6px" }, ...marks);

function render({ model, el }) {
  const anchor = model.page && anchorOf(el, "decoding-playground"), names = Object.keys(LIMITS);
  const canvas = element("canvas", { width: VIEW, height: VIEW, role: "img" });
  const cross = element("svg:g", {}, ...strokes(CROSS, TRUTH, 0.06));
  const handle = element("svg:circle", { r: 1, fill: "transparent", style: "touch-action:none;cursor:grab" }); // on top, to be grabbed
  const marks = Object.fromEntries(METHODS.map((method) => [method, element("svg:g", { "data-method": method }, ...strokes(MARKS[method].d, MARKS[method].color, 0.05))]));
  const overlay = element("svg:svg", { "aria-hidden": "true", viewBox: `${FIRST - 0.5} ${FIRST - 0.5} ${VIEW} ${VIEW}`, style: "position:absolute;inset:1px;width:calc(100% - 2px);height:calc(100% - 2px);cursor:crosshair" }, cross, ...Object.values(marks), handle);
  const move = (event) => {
    const box = overlay.getBoundingClientRect();
    const place = (at, start, size) => Math.min(Math.max(Math.round(100 * (((at - start) / size) * VIEW + FIRST - 0.5)) / 100, 8), 12);
    writeAll(model, { x: place(event.clientX, box.left, box.width), y: place(event.clientY, box.top, box.height) });
  };
  overlay.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "touch" && !handle.contains(event.target)) return; // a finger beside it scrolls the page
    overlay.setPointerCapture(event.pointerId);
    event.preventDefault();
    move(event);
  });
  overlay.addEventListener("pointermove", (event) => { if (overlay.hasPointerCapture(event.pointerId)) move(event); });

  const cells = METHODS.map(() => [element("td"), element("td")]);
  const errors = element("table", { class: "aw-table" },
    element("thead", {}, element("tr", {}, ...["method", "error, map px", "crop px"].map((head) => element("th", { scope: "col" }, head)))),
    element("tbody", {}, ...METHODS.map((method, i) => element("tr", {},
      element("th", { scope: "row" }, swatch(element("svg:g", { transform: "scale(1.5)" }, ...strokes(MARKS[method].d, MARKS[method].color, 0.08))), method), ...cells[i]))));
  const truth = element("p", {}, swatch(...strokes(CROSS, TRUTH, 0.12)), "the true point: drag it");
  const summary = element("p", { class: "aw-summary", role: "status" });
  const two = (value) => value.toFixed(2).replace("-", "−");
  let found = [];
  const numbers = numbersTable(
    () => ["method", "x", "y", "error x", "error y"],
    () => METHODS.map((method, i) => [method, ...found[i], found[i][0] - model.get("x"), found[i][1] - model.get("y")].map((value) => (typeof value === "string" ? value : value.toFixed(4).replace("-", "−")))),
  );
  el.append(element("div", { class: "aw aw-decoding-playground", id: anchor },
    element("div", { class: "aw-columns" },
      element("figure", {}, element("div", { style: "position:relative;" }, canvas, overlay)),
      element("div", {},
        slider(model, { name: "x", label: "true x", min: 8, max: 12, step: 0.01, show: two }),
        slider(model, { name: "y", label: "true y", min: 8, max: 12, step: 0.01, show: two }),
        slider(model, { name: "sigma", label: "sigma", min: 0.7, max: 2, step: 0.05, show: (value) => `${format(value)} px` }),
        slider(model, { name: "noise", label: "noise", min: 0, max: 0.3, step: 0.01 }),
        checkbox(model, { name: "snapped", label: "snap the target to its pixel" }),
        element("div", { class: "aw-row" },
          button("Other noise", () => write(model, "seed", (model.get("seed") + 1) % 10000)),
          button("Reset", () => writeAll(model, START))),
        truth, errors)),
    summary, numbers.node,
    settingsLink(model, el, { anchor: "decoding-playground", call: "DecodingPlayground", limits: LIMITS })));

  function draw() {
    const s = Object.fromEntries(names.map((name) => [name, model.get(name)])), map = patch(s);
    paint(canvas, map);
    for (const node of [cross, handle]) node.setAttribute("transform", `translate(${s.x} ${s.y})`);
    found = METHODS.map((method) => decode(map, method, { sigma: s.sigma }));
    const off = found.map(([x, y]) => Math.hypot(x - s.x, y - s.y));
    METHODS.forEach((method, i) => {
      marks[method].setAttribute("transform", `translate(${found[i].map((value) => value.toFixed(4)).join(" ")})`);
      cells[i][0].textContent = off[i].toFixed(3);
      cells[i][1].textContent = (4 * off[i]).toFixed(2);
    });
    const setting = `sigma ${format(s.sigma)} px, noise ${format(s.noise)}${s.snapped ? ", target snapped to its pixel" : ""}`;
    canvas.setAttribute("aria-label", `The middle ${VIEW} by ${VIEW} pixels of a heatmap with the true point at ${two(s.x)}, ${two(s.y)}, ${setting}, and four marks where the methods find it`);
    say(summary, `True point ${two(s.x)}, ${two(s.y)} (${setting}): off by ${METHODS.map((method, i) => `${off[i].toFixed(2)} px with ${method}`).join(", ")}.`);
    numbers.update();
  }
  return redraw(model, el, names, draw);
}

export default { render };
