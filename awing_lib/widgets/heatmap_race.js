// The heatmap race: one noisy heatmap fitted by gradient descent under four losses at once, pixel by pixel.
// The numbers first (pure functions, held to the Python library by a test), the drawing after them.

export const SIZE = 64, CENTRE = 32, SIGMA = 1.75;
const NEAR = 12; // pixels up to this far from the landmark are "near" it, the others are background
const NAMES = ["mse", "l1", "wing", "awing"];

// The steepest slope of each loss for errors in [0, 1]; for Adaptive Wing over all targets in [0, 1] too, where it is
// at y = 1: with the exponent q = alpha - y = 1.1 the slope peaks at d = (q - 1) ** (1 / q), with this value.
export const STEEPEST = { mse: 2, l1: 1, wing: 5, awing: 14 * 0.1 ** (0.1 / 1.1) };

// One step of gradient descent on all pixels of the four maps {mse, l1, wing, awing}, in place.
// These are the slopes of losses.js with the paper's numbers put in; Wing has width 10 and curvature 2.
export function descend(maps, target, stepSize, equalSlopes = true) {
  const { mse, l1, wing, awing } = maps;
  const rate = Object.fromEntries(NAMES.map((name) => [name, stepSize / (equalSlopes ? STEEPEST[name] : 1)]));
  const rateMse = 2 * rate.mse, rateL1 = rate.l1, rateWing = rate.wing, rateAwing = 14 * rate.awing;
  for (let i = 0; i < target.length; i++) {
    const y = target[i];
    mse[i] -= rateMse * (mse[i] - y);
    let e = l1[i] - y;
    if (e !== 0) l1[i] -= e > 0 ? rateL1 : -rateL1;
    e = wing[i] - y;
    if (e !== 0) {
      const slope = Math.abs(e) < 10 ? 10 / (2 + Math.abs(e)) : 1;
      wing[i] -= rateWing * (e > 0 ? slope : -slope);
    }
    e = awing[i] - y;
    if (e !== 0) {
      // beyond theta = 0.5 the slope stays what it is at theta, that is A
      const d = Math.min(Math.abs(e), 0.5), power = Math.exp((1.1 - y) * Math.log(d)), slope = ((2.1 - y) * power) / (1 + d * power);
      awing[i] -= rateAwing * (e > 0 ? slope : -slope);
    }
  }
}

// mulberry32: whole random numbers of 32 bits.
function random(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

// 65536 standard normal numbers, made once: drawing from a bag is ten times faster than making each anew. The radii
// are spread evenly over their distribution, which makes the variance exact.
let bag = null;
function normalBag() {
  const draw = random(1), numbers = new Float64Array(2 ** 16);
  for (let i = 0; i < numbers.length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log((i + 1) / numbers.length)), angle = (2 * Math.PI * draw()) / 2 ** 32;
    numbers[i] = radius * Math.cos(angle);
    numbers[i + 1] = radius * Math.sin(angle);
  }
  return numbers;
}

// A stream of standard normal numbers that depends on the seed and the step alone, so that no setting shifts it.
export function normals(seed, step) {
  bag ??= normalBag();
  const draw = random(Math.imul(seed + 1, 0x85ebca6b) ^ Math.imul(step + 1, 0xc2b2ae35));
  let spare = -1;
  return () => {
    if (spare >= 0) { const index = spare; spare = -1; return bag[index]; }
    const pair = draw();
    spare = pair >>> 16;
    return bag[pair & 0xffff];
  };
}

// The landmark's Gaussian, moved by (dx, dy) pixels, written over `target`; what is under 0.001 is 0, as in stored maps.
export function gaussian(target, dx = 0, dy = 0) {
  const reach = Math.sqrt(2 * Math.log(1000)) * SIGMA, cx = CENTRE + dx, cy = CENTRE + dy;
  target.fill(0);
  const first = (c) => Math.max(0, Math.ceil(c - reach)), last = (c) => Math.min(SIZE - 1, Math.floor(c + reach));
  for (let row = first(cy); row <= last(cy); row++) {
    for (let column = first(cx); column <= last(cx); column++) {
      const value = Math.exp(-((column - cx) ** 2 + (row - cy) ** 2) / (2 * SIGMA ** 2));
      if (value >= 0.001) target[row * SIZE + column] = value;
    }
  }
  return target;
}

// The target of one step: Gaussian moved by label noise, plus pixel noise, clamped to [0, 1] where heatmaps live.
export function noisyTarget(target, { seed, step, labelNoise, pixelNoise }) {
  const normal = normals(seed, step);
  gaussian(target, labelNoise * normal(), labelNoise * normal());
  if (pixelNoise > 0) {
    for (let i = 0; i < target.length; i++) target[i] = Math.min(Math.max(target[i] + pixelNoise * normal(), 0), 1);
  }
  return target;
}

// The race itself. `settings`: { stepSize, labelNoise, pixelNoise, equalSlopes, seed }, read anew at each call.
export function createRace() {
  const blank = () => new Float64Array(SIZE * SIZE);
  const race = {
    clean: gaussian(blank()), target: blank(), maps: Object.fromEntries(NAMES.map((name) => [name, blank()])), steps: 0,
    before: Object.fromEntries(NAMES.map((name) => [name, blank()])), // the maps one step earlier
    reset() {
      for (const map of [race.target, ...Object.values(race.maps), ...Object.values(race.before)]) map.fill(0);
      race.steps = 0;
    },
    // Up to `count` steps, but no new one after `milliseconds`, so that a slow machine keeps answering.
    advance(count, settings, milliseconds = Infinity) {
      const end = milliseconds === Infinity ? Infinity : performance.now() + milliseconds;
      for (let i = 0; i < count && (end === Infinity || performance.now() < end); i++) {
        noisyTarget(race.target, { ...settings, step: race.steps });
        for (const name of NAMES) race.before[name].set(race.maps[name]);
        descend(race.maps, race.target, settings.stepSize, settings.equalSlopes);
        race.steps++;
      }
    },
  };
  return race;
}

// What a map looks like, in numbers: its peak, the width of its central row at half of that row's peak (NaN without a
// peak), the root mean square error against the clean target near the landmark, the mean absolute value of the
// background, and how much a pixel near the landmark changed in the last step.
export function measure(map, clean, before = map) {
  let peak = -Infinity, square = 0, change = 0, near = 0, background = 0;
  for (let i = 0; i < map.length; i++) {
    const value = map[i], dx = (i % SIZE) - CENTRE, dy = Math.floor(i / SIZE) - CENTRE;
    if (value > peak) peak = value;
    if (dx * dx + dy * dy > NEAR * NEAR) { background += Math.abs(value); continue; }
    square += (value - clean[i]) ** 2;
    change += Math.abs(value - before[i]);
    near++;
  }
  return {
    peak, width: halfWidth(map.subarray(CENTRE * SIZE, (CENTRE + 1) * SIZE)), error: Math.sqrt(square / near),
    background: background / (map.length - near), change: change / near,
  };
}

function halfWidth(row) {
  let top = CENTRE;
  for (let i = CENTRE - NEAR; i <= CENTRE + NEAR; i++) if (row[i] > row[top]) top = i;
  const half = row[top] / 2;
  if (half < 0.02) return NaN;
  const crossing = (direction) => {
    let i = top;
    while (row[i + direction] > half) i += direction;
    const inside = row[i], outside = row[i + direction] ?? 0;
    return Math.abs(i - top) + (inside - half) / (inside - outside);
  };
  return crossing(-1) + crossing(1);
}

// Colours of the maps, 0 to 1: dark to light without a turn in lightness, so that it also reads in grey.
const RAMP = [[8, 6, 28], [62, 18, 110], [140, 36, 122], [214, 70, 82], [248, 148, 66], [253, 246, 184]];
export const COLORMAP = Uint8ClampedArray.from({ length: 256 * 3 }, (_, i) => {
  const place = (Math.floor(i / 3) / 255) * (RAMP.length - 1), low = Math.min(Math.floor(place), RAMP.length - 2);
  return RAMP[low][i % 3] + (place - low) * (RAMP[low + 1][i % 3] - RAMP[low][i % 3]);
});

const canvas = (width, height, label) => element("canvas", { width, height, role: "img", "aria-label": label });

// Returns paint(value), where value(column, row) is the number to show there.
function painter(canvas) {
  const context = canvas.getContext("2d"), { width, height } = canvas, image = context.createImageData(width, height);
  image.data.fill(255);
  return (value) => {
    for (let i = 0; i < width * height; i++) {
      const level = 3 * Math.round(Math.min(Math.max(value(i % width, Math.floor(i / width)), 0), 1) * 255);
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = COLORMAP[level + c];
    }
    context.putImageData(image, 0, 0);
  };
}

function colorLegend() {
  const bar = canvas(256, 1, "Colour scale of the maps, from dark at 0 to light at 1");
  bar.style.cssText = "height: 12px; width: 120px;";
  painter(bar)((column) => column / 255);
  return element("div", { class: "aw-row", style: "gap: 2px 8px; font-size: 13px;" }, "0", bar, "1",
    element("span", {}, `The middle ${2 * VIEW + 1} of ${SIZE} pixels each way.`));
}

const TARGET = { color: "color-mix(in srgb, currentColor 32%, transparent)", dash: "none", label: "clean target" };
const VIEW = 16; // pictures and chart show this many pixels to each side of the landmark: the rest is background

// What comes out, whoever it suits; a test checks each sentence.
const WHAT_TO_TRY = [
  "Both noises 0: MSE comes to rest, Adaptive Wing trembles only at the peak, L1 and Wing keep jumping by about a step.",
  "Label noise 1 px alone: MSE settles on the mean of the moved Gaussians, low and wide. " +
    "Adaptive Wing's peak is a little higher, its map hardly narrower. L1 and Wing are narrower and restless.",
  "Label noise 2 px alone: every peak falls to about half or less. L1 and Wing are still the narrowest, and the furthest from the clean target.",
  "Pixel noise 0.1 alone: it lifts the background, and most under Adaptive Wing, which pulls harder towards pixels that happen to be high.",
];

function render({ model, el }) {
  const race = createRace(), root = element("div", { class: "aw", id: identifier("heatmap-race") });
  const settings = () => ({
    stepSize: model.get("step_size"), labelNoise: model.get("label_noise"), pixelNoise: model.get("pixel_noise"),
    equalSlopes: model.get("equal_slopes"), seed: model.get("seed"),
  });
  const pixels = (value) => (Number.isNaN(value) ? "none" : `${value.toFixed(1)} px`);

  // the maps
  const panels = {};
  const panel = (name, label, values) => {
    const numbers = element("span", { style: "font-variant-numeric: tabular-nums; white-space: nowrap;" });
    const picture = canvas(2 * VIEW + 1, 2 * VIEW + 1, label), paint = painter(picture), corner = (CENTRE - VIEW) * (SIZE + 1);
    panels[name] = { canvas: picture, numbers, label, paint: () => paint((column, row) => values[corner + row * SIZE + column]) };
    const caption = element("figcaption", { style: "font-size: 13px; line-height: 1.3;" }, element("b", {}, label), element("br"), numbers);
    return element("figure", { style: "margin: 0; min-width: 0;" }, picture, caption);
  };
  const maps = element("div", { style: "display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 8px;" },
    panel("clean", "Clean target", race.clean), panel("target", "Noisy target", race.target),
    ...NAMES.map((name) => panel(name, COLORS[name].label, race.maps[name])));
  panels.clean.paint();

  // their central rows
  const view = chart({ label: "Central row of the four maps and of the clean target", xLabel: "pixels from the landmark", yLabel: "value", height: 260 });
  const row = (key, values, style) => {
    const points = [];
    for (let x = -VIEW; x <= VIEW; x++) points.push([x, values[CENTRE * SIZE + CENTRE + x]]);
    view.line(key, points, style);
  };
  const lines = legend([TARGET, ...NAMES.map((name) => COLORS[name])]);

  // in words and numbers
  const summary = element("p", { class: "aw-summary", role: "status" });
  const numbersBody = element("div");
  const HEAD = ["map", "peak", "width", "error", "far", "jump"];
  let said = -Infinity, written = -Infinity;
  const writeNumbers = (running) => {
    const now = performance.now();
    if (running && now - written < 250) return; // faster than anyone reads
    written = now;
    const found = { clean: measure(race.clean, race.clean) };
    for (const name of NAMES) found[name] = measure(race.maps[name], race.clean, race.before[name]);
    const rows = Object.entries(found).map(([name, { peak, width, error, background, change }]) => {
      const { canvas, numbers, label } = panels[name];
      numbers.replaceChildren(`peak ${peak.toFixed(2)}`, element("br"), `width ${pixels(width)}`);
      canvas.setAttribute("aria-label", `${label} after ${race.steps} steps: peak ${peak.toFixed(2)}, width ${pixels(width)}`);
      return [label, peak.toFixed(3), pixels(width), ...[error, background, change].map((value) => value.toFixed(3))];
    });
    panels.target.numbers.textContent = race.steps ? `of step ${race.steps}` : "none yet";
    numbersBody.replaceChildren(table(HEAD, rows));
    if (running && now - said < 2000) return; // a screen reader would never finish a sentence
    said = now;
    const each = (key, show) => NAMES.map((name) => `${COLORS[name].label} ${show(found[name][key])}`).join(", ");
    summary.textContent = race.steps
      ? `After ${race.steps} steps the peaks are ${each("peak", (value) => value.toFixed(2))} (clean target 1), ` +
        `the widths ${each("width", pixels)} (clean target ${pixels(found.clean.width)}).`
      : "Step 0: all four maps are 0 everywhere. The clean target has peak 1 and is " +
        `${pixels(found.clean.width)} wide.`;
  };

  const draw = () => {
    for (const name of ["target", ...NAMES]) panels[name].paint();
    view.frame({ x: [-VIEW, VIEW], y: [-0.2, 1.2] });
    row("clean", race.clean, { ...TARGET, width: 8 });
    for (const name of NAMES) row(name, race.maps[name], COLORS[name]);
    view.finish();
    writeNumbers(waiting !== null);
  };

  // running: one frame is some steps and a redraw, measured like every redraw of the book's figures
  let waiting = null, visible = true;
  const frame = () => {
    waiting = requestAnimationFrame(frame);
    if (!visible) return;
    timed(el, () => {
      race.advance(model.get("speed"), settings(), 8);
      draw();
    });
  };
  const start = button("Start", () => (waiting === null ? run() : pause()));
  const run = () => { start.textContent = "Pause"; waiting = requestAnimationFrame(frame); };
  const pause = () => {
    if (waiting !== null) cancelAnimationFrame(waiting);
    waiting = null;
    start.textContent = "Start";
    draw();
  };
  const advance = (count) => { race.advance(count, settings()); pause(); };
  const reset = () => { race.reset(); pause(); };
  const speed = slider(model, { name: "speed", label: "Steps a frame", min: 1, max: 20, step: 1 });

  // whoever asked for less motion gets results in jumps only
  const motion = matchMedia("(prefers-reduced-motion: reduce)");
  const still = element("p", {}, "Your system asks for less motion, so the race does not play. Use Step and Run 200 steps.");
  const obey = () => {
    if (motion.matches) pause();
    for (const node of [start, speed]) node.style.display = motion.matches ? "none" : "";
    still.style.display = motion.matches ? "" : "none";
  };

  const steepest = NAMES.map((name) => `${COLORS[name].label} ${format(STEEPEST[name])}`).join(", ");
  root.append(
    element("h4", {}, "Heatmap race"),
    element("p", {}, "Four losses fit one heatmap by gradient descent. Each pixel of a map is a free parameter that starts at 0. " +
      "Each step draws a new noisy target, the same for all four. In a network the pixels share weights; here they do not."),
    element("div", { class: "aw-row" }, start, button("Step", () => advance(1)), button("Run 200 steps", () => advance(200)), button("Reset", reset)),
    still,
    element("div", { style: "display: flex; flex-wrap: wrap; gap: 12px; margin-top: 8px;" },
      element("div", { style: "flex: 1 1 320px; min-width: 0;" }, maps, colorLegend()),
      element("div", { style: "flex: 1 1 290px; min-width: 0;" }, view.node, lines)),
    summary,
    element("div", { class: "aw-controls" },
      slider(model, { name: "label_noise", label: "Label noise", min: 0, max: 3, step: 0.1, show: (value) => `${format(value)} px` }),
      slider(model, { name: "pixel_noise", label: "Pixel noise", min: 0, max: 0.3, step: 0.01 }),
      slider(model, { name: "step_size", label: "Step size", min: 0.001, max: 0.2, log: true }),
      speed, checkbox(model, { name: "equal_slopes", label: "Equal steepest slope" })),
    element("p", {}, `“Equal steepest slope” divides each loss's slope by its largest value for errors up to 1 (${steepest}), ` +
      "so that no loss is merely louder; without it the raw slopes act. Label noise is the standard deviation, in x and in y, of the " +
      `Gaussian's place (its own is ${SIGMA} px). Pixel noise is added, and the target is then cut off to 0 to 1.`),
    element("p", {}, element("b", {}, "What to try, and what comes out on average after 400 steps or more:")),
    element("ul", { style: "margin: 0; padding-left: 20px;" }, ...WHAT_TO_TRY.map((text) => element("li", {}, text))),
    element("details", {}, element("summary", {}, "Numbers"), numbersBody,
      element("p", {}, "Width: of the central row at half of its peak. Error: root mean square against the clean target, " +
        `up to ${NEAR} px from the landmark. Far: mean absolute value beyond. Jump: mean absolute change in the last step, up to ${NEAR} px.`)));
  el.append(root);
  obey();
  const stop = redraw(model, root, [], draw);
  const seen = new IntersectionObserver(([entry]) => { visible = entry.isIntersecting; });
  seen.observe(root);
  motion.addEventListener("change", obey);
  model.on("change:seed", reset);
  return () => {
    if (waiting !== null) cancelAnimationFrame(waiting);
    seen.disconnect();
    stop();
    motion.removeEventListener("change", obey);
    model.off("change:seed", reset);
  };
}

export default { render };
