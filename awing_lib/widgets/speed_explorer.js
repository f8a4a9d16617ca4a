// Two limits of speed: what memory lets one layer of the network reach (roofline), and what a faster part does for the whole.
// The numbers first (pure functions, held to the Python module by a test), the drawing after them.

const LIMITS = { features: [8, 256], side: [4, 128], batch: [1, 64], half: [0, 1], ridge: [1, 1000], share: [0, 0.99], factor: [1, 100] };
const START = { features: 256, side: 64, batch: 8, half: false, ridge: 50, share: 0.8, factor: 10 };

// [operations, bytes] of a convolution with as many channels out as in, square kernels, no bias: each value moved once.
function convolutionCost(features, side, batch, width, kernel) {
  const maps = batch * features * side ** 2, weights = (features * kernel) ** 2;
  return [2 * maps * features * kernel ** 2, width * (2 * maps + weights)];
}
// The same for ReLU: one operation a value.
function reluCost(features, side, batch, width) {
  const maps = batch * features * side ** 2;
  return [maps, width * 2 * maps];
}
const attainable = (intensity, ridge) => Math.min(1, intensity / ridge);
const amdahl = (share, factor) => 1 / (1 - share + share / factor);
const ceiling = (share) => 1 / (1 - share);

// -- drawing ----------------------------------------------------------------------------------------------------------

const KINDS = [
  { key: "relu", label: "ReLU", color: "var(--aw-red)", cost: (s) => reluCost(s.features, s.side, s.batch, s.width) },
  { key: "one", label: "1×1 convolution", color: "var(--aw-blue)", cost: (s) => convolutionCost(s.features, s.side, s.batch, s.width, 1) },
  { key: "three", label: "3×3 convolution", color: "var(--aw-green)", cost: (s) => convolutionCost(s.features, s.side, s.batch, s.width, 3) },
];
const INTENSITIES = [0.05, 3000], RATES = [0.005, 200], FACTORS = [0.9, 120]; // of the axes; the rates are per cent
const short = (value) => (value < 0.9995e4 ? format(value) : value.toExponential(2).replace("e+", "e")); // 1.05e9
const percent = (value) => (value < 0.001 ? "under 0.1 %" : `${format(100 * value, value < 0.1 ? 2 : 3)} %`);
const times = (value) => `${value < 10 ? value.toFixed(2) : value.toFixed(1)} times`;

function render({ model, el }) {
  const settings = () => {
    const whole = (name, step) => step * Math.max(Math.round(model.get(name) / step), 1);
    return { features: whole("features", 8), side: whole("side", 4), batch: whole("batch", 1), width: model.get("half") ? 2 : 4 };
  };
  const roof = chart({ label: "Roofline: the share of the peak rate that a layer can reach, over its operations per byte",
    xLabel: "operations a byte", yLabel: "", height: 250, logX: true, logY: true });
  const whole = chart({ label: "Amdahl's law: how much faster the whole gets, over how much faster a part is made",
    xLabel: "the part is this many times faster", yLabel: "the whole is this many times faster", height: 250, logX: true, logY: true });
  whole.onPick((x) => write(model, "factor", Math.min(Math.max(Number(x.toPrecision(3)), 1), 100)));
  const summary = element("p", { class: "aw-summary", role: "status" });
  let rows = [];
  const numbers = numbersTable(() => ["layer", "operations", "bytes", "operations a byte", "of the rate, at most", "held by"], () => rows);
  const marker = ({ color, label }) => element("li", {},
    element("svg:svg", { width: 12, height: 12, "aria-hidden": "true" }, element("svg:circle", { cx: 6, cy: 6, r: 5, style: `fill:${color}` })), label);
  el.append(element("div", { class: "aw aw-speed-explorer", id: model.page && anchorOf(el, "speed-explorer") },
    element("div", { class: "aw-columns" },
      element("div", {}, element("h4", {}, "A layer's limit, % of the peak rate"), roof.node,
        element("ul", { class: "aw-legend" }, ...KINDS.map(marker)),
        slider(model, { name: "features", label: "features", min: 8, max: 256, step: 8 }),
        slider(model, { name: "side", label: "side of maps", min: 4, max: 128, step: 4, show: (value) => `${value} px` }),
        slider(model, { name: "batch", label: "batch", min: 1, max: 64, step: 1 }),
        slider(model, { name: "ridge", label: "ridge, op/byte", min: 1, max: 1000, log: true }),
        checkbox(model, { name: "half", label: "2 bytes a value (bf16), not 4" })),
      element("div", {}, element("h4", {}, "What a faster part does"), whole.node,
        legend([{ color: "var(--aw-purple)", label: "speedup of the whole" }, { color: "currentColor", dash: "2 4", label: "its limit" }]),
        slider(model, { name: "share", label: "share of time", min: 0, max: 0.99, step: 0.01, show: (value) => `${Math.round(100 * value)} %` }),
        slider(model, { name: "factor", label: "made faster", min: 1, max: 100, log: true, show: (value) => `${format(value)}×` }),
        element("div", { class: "aw-row" }, button("Reset", () => writeAll(model, START))))),
    summary, numbers.node,
    settingsLink(model, el, { anchor: "speed-explorer", call: "SpeedExplorer", limits: LIMITS })));

  function draw() {
    const chosen = settings(), ridge = model.get("ridge"), share = model.get("share"), factor = model.get("factor");
    roof.frame({ x: INTENSITIES, y: RATES });
    roof.line("roof", [[INTENSITIES[0], 100 * attainable(INTENSITIES[0], ridge)], [ridge, 100], [INTENSITIES[1], 100]]);
    roof.upright("ridge", ridge, { dash: "2 4" });
    const held = {};
    rows = KINDS.map(({ key, label, color, cost }) => {
      const [operations, bytes] = cost(chosen), intensity = operations / bytes, reached = attainable(intensity, ridge);
      held[key] = { intensity, reached, by: intensity < ridge ? "memory" : "arithmetic" };
      roof.dot(key, intensity, 100 * reached, { color, radius: 5.5 });
      return [label, short(operations), short(bytes), format(intensity), percent(reached), held[key].by];
    });
    roof.finish();

    whole.frame({ x: FACTORS, y: FACTORS });
    const places = Array.from({ length: 81 }, (_, i) => 10 ** (i / 40));
    whole.line("limit", FACTORS.map((x) => [x, ceiling(share)]), { dash: "2 4", width: 1.5 });
    whole.line("total", places.map((x) => [x, amdahl(share, x)]), { color: "var(--aw-purple)" });
    whole.dot("here", factor, amdahl(share, factor), { color: "var(--aw-purple)", radius: 5.5 });
    whole.finish();

    const { three, relu } = held;
    const ends = three.by === "memory" ? `memory holds it to ${percent(three.reached)} of the peak rate` : "only arithmetic limits it";
    say(summary, `With ${chosen.features} features on maps of ${chosen.side}×${chosen.side}, ${chosen.batch} at a time, a 3×3 convolution makes ` +
      `${format(three.intensity)} operations a byte: ${ends}. ReLU makes ${format(relu.intensity)}, and reaches ${percent(relu.reached)} at most. ` +
      `If a part with ${Math.round(100 * share)} % of the time gets ${format(factor)} times as fast, the whole gets ${times(amdahl(share, factor))} as fast, ` +
      `and never more than ${times(ceiling(share))}.`);
    numbers.update();
  }
  return redraw(model, el, Object.keys(LIMITS), draw);
}

export default { render };
