// The stacked hourglass for images of 256x256: the side of the maps part by part, parameters and multiply-adds.

const LIMITS = { stacks: [1, 8], depth: [1, 5], features: [32, 256], coordconv: [0, 1], boundary: [0, 1] };
const SIDE = 256, LANDMARKS = 98;
const KINDS = {
  coordconv: { label: "CoordConv", color: "var(--aw-red)" },
  convolution: { label: "convolutions", color: "var(--aw-amber)" },
  pooling: { label: "pooling", color: "var(--aw-green)" },
  hourglass: { label: "hourglass", color: "color-mix(in oklch, var(--aw-blue), var(--aw-green))" },
  maps: { label: "maps", color: "var(--aw-purple)" },
};

// [parameters, multiply-adds] of a convolution with square kernels, of a batch norm, and of the multi-scale block.
const convolution = (from, to, kernel, side, bias = true) => [from * to * kernel ** 2 + (bias ? to : 0), from * to * kernel ** 2 * side ** 2];
const norm = (channels) => [2 * channels, 0];
const sum = (...prices) => prices.reduce(([p, m], [q, n]) => [p + q, m + n], [0, 0]);
function block(from, to, side) {
  const half = to / 2, quarter = to / 4, conv = (a, b, kernel) => sum(norm(a), convolution(a, b, kernel, side, false));
  return sum(conv(from, half, 3), conv(half, quarter, 3), conv(quarter, quarter, 3), ...(from === to ? [] : [conv(from, to, 1)]));
}
function hourglass(depth, features, side) {
  const low = block(features, features, side / 2);
  return sum(block(features, features, side), low, low, depth > 1 ? hourglass(depth - 1, features, side / 2) : low);
}

// The parts that Python's describe(model) lists, in its order and with its names.
function describe({ stacks, depth, features, coordconv, boundary }) {
  const side = SIDE / 4, channels = LANDMARKS + (boundary ? 1 : 0), extra = coordconv ? 3 : 0, parts = [];
  const add = (name, kind, shape, [parameters, multiplyAdds] = [0, 0]) => parts.push({ name, kind, shape: [shape[0], shape[1], shape[1]], parameters, multiplyAdds });
  const entry = coordconv ? "coordconv" : "convolution", quarter = features / 4, half = features / 2;
  add("stem.conv", entry, [quarter, 2 * side], convolution(3 + extra, quarter, 7, 2 * side));
  add("stem.norm", null, [quarter, 2 * side], norm(quarter));
  add("stem.block1", "convolution", [half, 2 * side], block(quarter, half, 2 * side));
  add("stem.pool", "pooling", [half, side]);
  add("stem.block2", "convolution", [half, side], block(half, half, side));
  add("stem.block3", "convolution", [features, side], block(half, features, side));
  for (let i = 0; i < stacks; i++) {
    const part = (name, kind, out, price) => add(`stacks.${i}.${name}`, kind, [out, side], price);
    part("entry", entry, features, convolution(features + extra + (coordconv && boundary && i > 0 ? 2 : 0), features, 1, side));
    part("hourglass", "hourglass", features, hourglass(depth, features, side));
    part("top", "convolution", features, block(features, features, side));
    part("mix", "convolution", features, convolution(features, features, 1, side));
    part("norm", null, features, norm(features));
    part("predict", "maps", channels, convolution(features, channels, 1, side));
    if (i === stacks - 1) continue;
    part("carry_features", "carried", features, convolution(features, features, 1, side));
    part("carry_maps", "carried", features, convolution(channels, features, 1, side));
  }
  return parts;
}

// One bar per part on the way from image to maps, several for an hourglass: [side, kind, name].
function bars(parts, depth) {
  const named = ({ name }) => name.replace(/stacks\.(\d)\./, (_, i) => `stack ${Number(i) + 1}, `).replace("stem.", "stem, ");
  const inside = (part) => Array.from({ length: 2 * depth + 1 }, (_, i) => part.shape[1] / 2 ** (depth - Math.abs(depth - i)));
  const shown = parts.filter((part) => part.kind in KINDS);
  return shown.flatMap((part) => (part.kind === "hourglass" ? inside(part) : [part.shape[1]]).map((side) => [side, part.kind, named(part)]));
}

function render({ model, el }) {
  const svg = element("svg:svg", { class: "aw-chart", role: "img" }), drawing = element("div", { class: "aw-chart-box" }, svg);
  const facts = element("ul", { class: "aw-facts", "aria-label": "Where the multiply-adds are" });
  const summary = element("p", { class: "aw-summary", role: "status" });
  const settings = () => {
    const features = 8 * Math.round(model.get("features") / 8), [stacks, depth] = ["stacks", "depth"].map((name) => Math.round(model.get(name)));
    return { stacks, depth, features, coordconv: model.get("coordconv"), boundary: model.get("boundary") };
  };
  const price = (parts, key) => parts.reduce((total, part) => total + part[key], 0);
  const millions = (value) => (value / 1e6).toFixed(3), billions = (value) => (value / 1e9).toFixed(2);
  const numbers = numbersTable(
    () => ["part", "output", "parameters", "million multiply-adds"],
    () => describe(settings()).map((part) => [part.name, part.shape.join("×"), String(part.parameters), (part.multiplyAdds / 1e6).toFixed(1)]),
  );
  const whole = { coordconv: true, boundary: true };
  const presets = [
    preset(model, "Paper", { stacks: 4, depth: 4, features: 256, ...whole }),
    preset(model, "Nano", { stacks: 1, depth: 3, features: 32, ...whole }),
  ];
  el.append(element("div", { class: "aw aw-hourglass-builder", id: model.page && anchorOf(el, "hourglass-builder") },
    element("div", { class: "aw-row" }, ...presets.map(([node]) => node)),
    element("div", { class: "aw-controls" },
      slider(model, { name: "stacks", label: "stacks", min: 1, max: 8, step: 1 }),
      slider(model, { name: "depth", label: "depth", min: 1, max: 5, step: 1 }),
      slider(model, { name: "features", label: "features", min: 32, max: 256, step: 32 }),
      element("div", { class: "aw-row" }, checkbox(model, { name: "coordconv", label: "CoordConv" }), checkbox(model, { name: "boundary", label: "boundary" }))),
    drawing,
    element("ul", { class: "aw-legend" }, ...Object.values(KINDS).map(({ color, label }) => element("li", {},
      element("svg:svg", { width: 12, height: 12, "aria-hidden": "true" }, element("svg:rect", { width: 12, height: 12, style: `fill:${color}` })), label))),
    facts, summary, numbers.node,
    settingsLink(model, el, { anchor: "hourglass-builder", call: "HourglassBuilder", limits: LIMITS })));

  let drawn = "";
  function drawBars(parts, { stacks, depth, coordconv }) {
    const shown = bars(parts, depth), width = Math.max(drawing.clientWidth, 240), wanted = `${width} ${stacks} ${depth} ${coordconv}`;
    if (wanted === drawn) return; // features and the boundary change no side
    drawn = wanted;
    const height = 190, left = 34, base = height - 24;
    const place = scale([1, SIDE], base, 22, true), step = (width - left - 4) / shown.length, nodes = [];
    for (let side = SIDE; side >= 2; side /= 2) {
      nodes.push(element("svg:line", { x1: left, x2: width, y1: place(side), y2: place(side), style: "stroke:var(--aw-faint)" }));
      nodes.push(element("svg:text", { x: left - 6, y: place(side) + 4, "text-anchor": "end" }, String(side)));
    }
    nodes.push(element("svg:text", { x: 2, y: 12 }, "side of the maps, pixels, logarithmic"));
    const start = { stem: 0 };
    shown.forEach(([side, kind, name], i) => {
      const group = name.split(",")[0];
      start[group] ??= i;
      nodes.push(element("svg:rect", { x: left + i * step + 0.1 * step, width: 0.8 * step, y: place(side), height: base - place(side), "data-kind": kind, "data-side": side, style: `fill:${KINDS[kind].color}` }));
    });
    const groups = Object.entries(start);
    groups.forEach(([group, first], i) => {
      const room = ((groups[i + 1]?.[1] ?? shown.length) - first) * step;
      const words = room > 50 ? group : group.replace("stack ", "");
      nodes.push(element("svg:text", { x: left + first * step + room / 2, y: height - 8, "text-anchor": "middle" }, room > 36 || words.length < 2 ? words : ""));
    });
    for (const [key, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) svg.setAttribute(key, value);
    svg.setAttribute("aria-label", `Side of the maps along the network: from 256 pixels down to 64 in the stem, then ${stacks} times from 64 down to ${64 / 2 ** depth} and up to 64`);
    svg.replaceChildren(...nodes);
  }

  function draw() {
    const chosen = settings(), parts = describe(chosen);
    drawBars(parts, chosen);
    showPressed(model, presets);
    const total = price(parts, "multiplyAdds"), groupsOf = { stem: /^stem/, hourglasses: /hourglass$/, "blocks after them": /top$/, "1×1 convolutions": /entry|mix|predict|carry/ };
    facts.replaceChildren(element("li", {}, "Of the multiply-adds:"), ...Object.entries(groupsOf).map(([label, pattern]) =>
      element("li", {}, `${label} ${Math.round((100 * price(parts.filter(({ name }) => pattern.test(name)), "multiplyAdds")) / total)} %`)));
    say(summary, `${chosen.stacks} ${chosen.stacks === 1 ? "stack" : "stacks"} of depth ${chosen.depth} with ${chosen.features} features: ` +
      `${millions(price(parts, "parameters"))} million parameters, ${billions(total)} billion multiply-adds for an image of 256×256.`);
    numbers.update();
  }
  return redraw(model, el, Object.keys(LIMITS), draw);
}

export default { render };
