// Pixel types of a heatmap under a landmark that moves.
// The numbers first (pure functions, held to the Python library by a test), the drawing after them.

export const SIDE = 64; // pixels of the map
export const BACKGROUND = 0, DIFFICULT = 1, FOREGROUND = 2, MODE = 3;

// render_heatmaps of awing_lib.heatmaps for one landmark: rows of `side` values, one after the other. Snapped is the
// official code's "sigma = 1": 7x7 pixels about the cell that holds the landmark, a quarter of 7 as standard deviation.
export function renderMap({ x, y, sigma, snapped }, side = SIDE) {
  const deviation = snapped ? 7 / 4 : sigma, reach = snapped ? 3 : Infinity;
  const profile = (centre) => {
    const at = snapped ? Math.floor(centre + 0.5) : centre;
    return Array.from({ length: side }, (_, i) => {
      const value = Math.exp(((i - at) ** 2 * -0.5) / deviation ** 2);
      return value > 1e-9 && Math.abs(i - at) <= reach ? value : 0;
    });
  };
  const columns = profile(x), rows = profile(y);
  return Float64Array.from({ length: side * side }, (_, i) => rows[Math.floor(i / side)] * columns[i % side]);
}

// pixel_types of awing_lib.figures: the first highest pixel is the mode, pixels from the threshold on are foreground,
// and their neighbours (3x3) difficult background.
export function typesOf(map, threshold, side = SIDE) {
  const types = new Uint8Array(map.length);
  let top = 0;
  for (let i = 0; i < map.length; i++) {
    if (map[i] > map[top]) top = i;
    if (map[i] < threshold) continue;
    types[i] = FOREGROUND;
    const row = Math.floor(i / side), column = i % side;
    for (let r = Math.max(row - 1, 0); r <= Math.min(row + 1, side - 1); r++) {
      for (let c = Math.max(column - 1, 0); c <= Math.min(column + 1, side - 1); c++) types[r * side + c] ||= DIFFICULT;
    }
  }
  types[top] = MODE;
  return types;
}

export function countTypes(types) {
  const counts = [0, 0, 0, 0];
  for (const type of types) counts[type] += 1;
  return counts;
}

// What a prediction of 0 everywhere costs under MSE.
export const costOfNothing = (map) => map.reduce((sum, value) => sum + value * value, 0) / map.length;

// -- drawing ----------------------------------------------------------------------------------------------------------
// A type has a colour and a shape, since colour alone does not tell types apart for everybody.

const TYPES = [
  { type: MODE, label: "mode", color: "var(--aw-red)", d: (c, r) => `M${c} ${r - 0.5}l.5 .5l-.5 .5l-.5-.5z` },
  { type: FOREGROUND, label: "foreground", color: "var(--aw-green)", d: (c, r) => `M${c - 0.46} ${r - 0.46}h.92v.92h-.92z` },
  { type: DIFFICULT, label: "difficult background", color: "var(--aw-amber)", d: (c, r) => `M${c - 0.27} ${r - 0.27}h.54v.54h-.54z` },
  { type: BACKGROUND, label: "background", color: "currentColor", d: (c, r) => `M${c - 0.07} ${r - 0.07}h.14v.14h-.14z` },
];
const RAMP = [[8, 6, 28], [62, 18, 110], [140, 36, 122], [214, 70, 82], [248, 148, 66], [253, 246, 184]];
const ZOOM = 10; // the picture of the types shows this many pixels to each side of the landmark's own
const LIMITS = { x: [0, SIDE - 1], y: [0, SIDE - 1], sigma: [0.5, 4], threshold: [0.05, 0.6], snapped: [0, 1] };
const START = { x: 31.7, y: 30.4, sigma: 1.75, threshold: 0.2, snapped: false };

function paint(canvas, map) {
  const context = canvas.getContext("2d"), image = context.createImageData(SIDE, SIDE);
  for (let i = 0; i < map.length; i++) {
    const place = Math.min(map[i], 1) * (RAMP.length - 1), low = Math.min(Math.floor(place), RAMP.length - 2);
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = RAMP[low][c] + (place - low) * (RAMP[low + 1][c] - RAMP[low][c]);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

const percent = (share) => `${(100 * share).toFixed(2)} %`;
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function render({ model, el }) {
  const anchor = model.page && anchorOf(el, "pixel-types");
  const names = Object.keys(LIMITS);

  // left: the whole map, with the landmark to drag and the frame of the close-up
  const map = element("canvas", { width: SIDE, height: SIDE, role: "img" });
  const frame = element("svg:rect", { fill: "none", style: "stroke:#fff;stroke-width:.4;stroke-dasharray:1 .8", width: 2 * ZOOM + 1, height: 2 * ZOOM + 1 });
  const cross = "M-3 0h2M1 0h2M0-3v2M0 1v2";
  const handle = element("svg:g", { style: "touch-action:none;cursor:grab" },
    element("svg:circle", { r: 5, fill: "transparent" }),
    element("svg:path", { d: cross, style: "stroke:#1b1b1f;stroke-width:.9" }), element("svg:path", { d: cross, style: "stroke:#5cc4ff;stroke-width:.45" }));
  const overlay = element("svg:svg", { "aria-hidden": "true", viewBox: `-0.5 -0.5 ${SIDE} ${SIDE}`, style: "position:absolute;inset:1px;width:calc(100% - 2px);height:calc(100% - 2px);cursor:crosshair" }, frame, handle);
  const picture = element("div", { style: "position:relative;" }, map, overlay);
  const move = (event) => {
    const box = overlay.getBoundingClientRect();
    const place = (at, start, size) => clamp(Math.round(20 * (((at - start) / size) * SIDE - 0.5)) / 20, 0, SIDE - 1);
    writeAll(model, { x: place(event.clientX, box.left, box.width), y: place(event.clientY, box.top, box.height) });
  };
  overlay.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "touch" && !handle.contains(event.target)) return; // a finger beside it scrolls the page
    overlay.setPointerCapture(event.pointerId);
    event.preventDefault();
    move(event);
  });
  overlay.addEventListener("pointermove", (event) => { if (overlay.hasPointerCapture(event.pointerId)) move(event); });

  // right: the types, close up
  const layers = Object.fromEntries(TYPES.map(({ type, color }) => [type, element("svg:path", { "data-type": type, style: `fill:${color}` })]));
  const arms = "M-1.9 0h1.2M.7 0h1.2M0-1.9v1.2M0 .7v1.2"; // open in the middle, where the mode is
  const spot = element("svg:g", {},
    element("svg:path", { d: arms, style: "stroke:var(--aw-panel);stroke-width:.4" }), element("svg:path", { d: arms, style: "stroke:currentColor;stroke-width:.18" }));
  const close = element("svg:svg", { class: "aw-chart", role: "img", style: "width:100%;height:auto;border:1px solid var(--aw-faint);background:var(--aw-panel)" }, ...Object.values(layers), spot);

  const cells = TYPES.map(() => [element("td"), element("td")]);
  const counts = element("table", { class: "aw-table" },
    element("thead", {}, element("tr", {}, ...["type", "pixels", "share"].map((head) => element("th", { scope: "col" }, head)))),
    element("tbody", {}, ...TYPES.map(({ label, color, d }, i) => element("tr", {},
      element("th", { scope: "row" }, element("svg:svg", { width: 16, height: 16, viewBox: "-.6 -.6 1.2 1.2", "aria-hidden": "true", style: "vertical-align:-3px;margin-right:6px" }, element("svg:path", { d: d(0, 0), style: `fill:${color}` })), label), ...cells[i]))));
  const summary = element("p", { class: "aw-summary", role: "status" });
  let now; // what is drawn
  const value = (number) => number.toFixed(3);
  const numbers = numbersTable(
    () => ["pixels from the mode", "target, to the right", "type"],
    () => Array.from({ length: 9 }, (_, k) => [k, now.top % SIDE + k]).filter(([, column]) => column < SIDE).map(([k, column]) => {
      const i = now.top - (now.top % SIDE) + column;
      return [String(k), value(now.map[i]), TYPES.find(({ type }) => type === now.types[i]).label];
    }),
  );

  const pixels = (number) => number.toFixed(2);
  const sigma = slider(model, { name: "sigma", label: "sigma", min: 0.5, max: 4, step: 0.05, show: (number) => `${format(number)} px` });
  el.append(element("div", { class: "aw aw-pixel-types", id: anchor },
    element("div", { class: "aw-columns" },
      element("figure", {}, picture, element("figcaption", {}, "The target, 64×64. Drag the landmark.")),
      element("figure", {}, close, element("figcaption", {}, "Inside the dashed frame: the types. The cross is the landmark."))),
    element("div", { class: "aw-columns" },
      element("div", {},
        slider(model, { name: "x", label: "landmark x", min: 0, max: SIDE - 1, step: 0.05, show: pixels }),
        slider(model, { name: "y", label: "landmark y", min: 0, max: SIDE - 1, step: 0.05, show: pixels }),
        sigma,
        slider(model, { name: "threshold", label: "threshold", min: 0.05, max: 0.6, step: 0.01 }),
        checkbox(model, { name: "snapped", label: "the official code's 7×7 patch" }),
        button("Reset", () => writeAll(model, START))),
      element("div", {}, counts)),
    summary, numbers.node,
    settingsLink(model, el, { anchor: "pixel-types", call: "PixelTypes", limits: LIMITS })));

  function draw() {
    const s = Object.fromEntries(names.map((name) => [name, model.get(name)]));
    const target = renderMap(s), types = typesOf(target, s.threshold), found = countTypes(types);
    now = { map: target, types, top: types.indexOf(MODE) };
    paint(map, target);
    sigma.querySelector("input").disabled = s.snapped;
    handle.setAttribute("transform", `translate(${s.x} ${s.y})`);
    const left = clamp(Math.round(s.x) - ZOOM, 0, SIDE - 1 - 2 * ZOOM), top = clamp(Math.round(s.y) - ZOOM, 0, SIDE - 1 - 2 * ZOOM);
    frame.setAttribute("x", left - 0.5);
    frame.setAttribute("y", top - 0.5);
    close.setAttribute("viewBox", `${left - 0.5} ${top - 0.5} ${2 * ZOOM + 1} ${2 * ZOOM + 1}`);
    spot.setAttribute("transform", `translate(${s.x} ${s.y})`);
    const paths = ["", "", "", ""], shapes = Object.fromEntries(TYPES.map(({ type, d }) => [type, d]));
    for (let row = top; row <= top + 2 * ZOOM; row++) {
      for (let column = left; column <= left + 2 * ZOOM; column++) {
        const type = types[row * SIDE + column];
        paths[type] += shapes[type](column, row);
      }
    }
    for (const { type } of TYPES) layers[type].setAttribute("d", paths[type]);
    TYPES.forEach(({ type }, i) => {
      cells[i][0].textContent = String(found[type]);
      cells[i][1].textContent = percent(found[type] / target.length);
    });
    const drawn = s.snapped ? "the official code's patch" : `sigma ${format(s.sigma)} px`;
    map.setAttribute("aria-label", `Heatmap of 64 by 64 pixels with a landmark at ${pixels(s.x)}, ${pixels(s.y)}, ${drawn}`);
    close.setAttribute("aria-label", `Close-up: ${found[MODE] + found[FOREGROUND]} foreground pixels about the landmark, a rim of ${found[DIFFICULT]} difficult ones, background around`);
    say(summary, `Landmark at ${pixels(s.x)}, ${pixels(s.y)}, ${drawn}: the mode is ${value(target[now.top])} high; with it, ` +
      `${found[MODE] + found[FOREGROUND]} of ${target.length} pixels are foreground (${percent((found[MODE] + found[FOREGROUND]) / target.length)}), ` +
      `${found[DIFFICULT]} more are difficult background; a prediction of 0 everywhere has an MSE of ${costOfNothing(target).toFixed(5)}.`);
    numbers.update();
  }
  return redraw(model, el, names, draw);
}

export default { render };
