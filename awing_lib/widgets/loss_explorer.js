// The loss explorer: loss and gradient of Adaptive Wing over the error of one pixel, beside MSE, L1 and Wing.

const PAPER = { alpha: 2.1, omega: 14, epsilon: 1, theta: 0.5, bug: false };
const PRESETS = [
  { label: "The paper's values", values: PAPER },
  { label: "alpha = 2", values: { ...PAPER, alpha: 2 }, also: { y: 1 } }, // at the landmark, where the kink comes back
  { label: "omega instead of epsilon", values: { ...PAPER, bug: true } },
];
const LIMITS = {
  alpha: [1.2, 4], omega: [1, 30], epsilon: [0.1, 3], theta: [0.05, 1], y: [0, 1], error: [-1, 1],
  bug: [0, 1], mse: [0, 1], l1: [0, 1], wing: [0, 1],
};
const BUG = { color: "var(--aw-purple)", dash: "14 3", label: "omega instead of epsilon" };
const OTHERS = { mse, l1, wing };
const NUMBERS_AT = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1];

// Errors in (0, 1] to draw at: close together near 0, where slopes bend, and theta, where the formula changes.
function sampleErrors(theta) {
  const fine = Array.from({ length: 51 }, (_, i) => 10 ** (-5 + (3 * i) / 50));
  const even = Array.from({ length: 99 }, (_, i) => (i + 2) / 100);
  return [...new Set([...fine, ...even, theta * (1 - 1e-9), theta])].sort((a, b) => a - b);
}

// Loss and gradient as points over the error in [-1, 1]. `jump`: the gradient jumps at 0, so nothing joins its two
// sides; `tear`: an error at which both curves are torn apart.
function curves(loss, errors, { jump = false, tear = NaN } = {}) {
  const losses = [[0, 0]], slopes = jump ? [[0, NaN]] : [[0, 0]];
  for (const d of errors) {
    if (d === tear) for (const side of [losses, slopes]) { side.push([d, NaN]); side.unshift([-d, NaN]); }
    const [value, slope] = loss(d), [mirrored, opposite] = loss(-d);
    losses.push([d, value]); losses.unshift([-d, mirrored]);
    slopes.push([d, slope]); slopes.unshift([-d, opposite]);
  }
  return { losses, slopes };
}

// The axis ends at `usual`, or at 2, 4, 8, ... times that where it would cut the curve: it stays put while a slider moves.
const axisEnd = (value, usual) => usual * 2 ** Math.max(0, Math.ceil(Math.log2(value / usual)));

function render({ model, el }) {
  const other = Object.fromEntries(Object.entries(OTHERS).map(([name, loss]) =>
    [name, curves((e) => loss(0, e), sampleErrors(0.5), { jump: name !== "mse" })]));

  const lossChart = chart({ label: "Loss over the error, prediction minus target, of Adaptive Wing, MSE, L1 and Wing", xLabel: "prediction − target", yLabel: "loss" });
  const slopeChart = chart({ label: "Gradient over the error, prediction minus target, of Adaptive Wing, MSE, L1 and Wing", xLabel: "prediction − target", yLabel: "gradient" });
  for (const { onPick } of [lossChart, slopeChart]) {
    onPick((error) => write(model, "error", Math.min(Math.max(Math.round(error * 200) / 200, -1), 1))); // the slider's steps
  }

  const presets = PRESETS.map(({ label, values, also }) => button(label, () => writeAll(model, { ...values, ...also })));
  const cells = {}; // loss and gradient at the chosen error, by name
  const row = (name, style, head) => {
    cells[name] = [element("td"), element("td")];
    return element("tr", {}, element("th", { scope: "row" }, head), element("td", {}, sample(style)), ...cells[name]);
  };
  const bugRow = row("bug", BUG, BUG.label);
  const readoutHead = element("th", { scope: "col", colspan: 2 });
  const readout = element("table", { class: "aw-table" },
    element("thead", {}, element("tr", {}, readoutHead, element("th", { scope: "col" }, "loss"), element("th", { scope: "col" }, "gradient"))),
    element("tbody", {}, row("awing", COLORS.awing, COLORS.awing.label), bugRow,
      ...Object.keys(OTHERS).map((name) => row(name, COLORS[name], checkbox(model, { name, label: COLORS[name].label })))));
  const facts = element("ul", { class: "aw-facts", "aria-label": "Constants of Adaptive Wing" });
  const summary = element("p", { class: "aw-summary", role: "status" });
  const anchor = model.page && anchorOf(el, "loss-explorer");

  const parameters = () => Object.fromEntries(["alpha", "omega", "epsilon", "theta"].map((name) => [name, model.get(name)]));
  const numbers = numbersTable(
    () => ["|error|", "AWing loss", "AWing gradient", ...(model.get("bug") ? ["gradient, omega instead of epsilon"] : []), "MSE gradient", "L1 gradient", "Wing gradient"],
    () => NUMBERS_AT.map((d) => {
      const y = model.get("y"), p = parameters();
      const bug = model.get("bug") ? [omegaForEpsilon(y, y + d, p)[1]] : [];
      return [d, ...adaptiveWing(y, y + d, p), ...bug, mse(0, d)[1], l1(0, d)[1], wing(0, d)[1]].map((value) => format(value));
    }),
  );

  el.append(element("div", { class: "aw aw-loss-explorer", id: anchor },
    element("div", { class: "aw-row", role: "group", "aria-label": "Presets" }, ...presets),
    element("div", { class: "aw-controls" },
      slider(model, { name: "alpha", label: "alpha (α)", min: 1.2, max: 4, step: 0.01 }),
      slider(model, { name: "omega", label: "omega (ω)", min: 1, max: 30, step: 0.5 }),
      slider(model, { name: "epsilon", label: "epsilon (ε)", min: 0.1, max: 3, step: 0.01 }),
      slider(model, { name: "theta", label: "theta (θ)", min: 0.05, max: 1, step: 0.01 }),
      slider(model, { name: "y", label: "target y", min: 0, max: 1, step: 0.01 }),
      slider(model, { name: "error", label: "read off at error", min: -1, max: 1, step: 0.005 })),
    element("div", { class: "aw-columns" }, lossChart.node, slopeChart.node),
    element("div", { class: "aw-columns" }, readout, element("div", {}, facts, summary)),
    numbers.node,
    settingsLink(model, el, { anchor: "loss-explorer", call: "LossExplorer", limits: LIMITS })));

  function draw() {
    const p = parameters(), { theta } = p, y = model.get("y"), error = model.get("error"), bug = model.get("bug");
    const { exponent, A, C } = adaptiveWingConstants(y, p), steepest = steepestError(y, p);
    const smooth = exponent > 1 + 1e-9; // else the gradient jumps at zero error
    const awing = (e) => adaptiveWing(y, y + e, p), wrong = (e) => omegaForEpsilon(y, y + e, p);
    const errors = sampleErrors(theta), own = curves(awing, errors, { jump: !smooth });
    const none = { losses: [], slopes: [] }; // keeps the place of a hidden line among the others
    const bugged = bug ? curves(wrong, errors, { jump: !smooth, tear: theta }) : none;
    const steepestSlope = smooth ? awing(steepest)[1] : exponent > 1 - 1e-9 ? p.omega / p.epsilon : awing(0.1)[1]; // or a tall one

    const top = axisEnd(awing(1)[0], 12), end = axisEnd(1.05 * steepestSlope, 15);
    lossChart.frame({ x: [-1, 1], y: [0, top] });
    slopeChart.frame({ x: [-1, 1], y: [-end, end] });
    [[lossChart, "losses", 0], [slopeChart, "slopes", 1]].forEach(([panel, part, index]) => {
      for (const side of [-1, 1]) {
        panel.upright(`theta ${side}`, side * theta, { dash: "1 3" });
        const [before, after] = [wrong(side * theta * (1 - 1e-9))[index], wrong(side * theta)[index]];
        panel.line(`tear ${side}`, bug ? [[side * theta, before], [side * theta, after]] : [], { ...BUG, dash: "2 2", width: 1.5 });
      }
      panel.text("theta", theta, panel === lossChart ? top : end, "θ", { dx: 4, dy: 12 });
      for (const name of Object.keys(OTHERS)) panel.line(name, model.get(name) ? other[name][part] : [], COLORS[name]);
      panel.line("bug", bugged[part], { ...BUG, width: 4 });
      panel.line("awing", own[part], { ...COLORS.awing, width: 2.5 });
      panel.upright("cursor", error);
    });
    if (smooth) {
      for (const side of [-1, 1]) slopeChart.dot(`steepest ${side}`, side * steepest, side * steepestSlope, { ...COLORS.awing, radius: 5 });
      slopeChart.text("steepest", -steepest, -steepestSlope, "steepest", { dx: -2, dy: 17, anchor: "end" });
    }
    slopeChart.text("A", 1, A, "A", { dx: -4, dy: -6, anchor: "end" });

    const at = { awing: awing(error), bug: wrong(error) };
    for (const [name, loss] of Object.entries(OTHERS)) at[name] = loss(0, error);
    for (const [name, values] of Object.entries(at)) {
      const shown = name === "awing" || model.get(name), color = (COLORS[name] ?? BUG).color;
      [lossChart, slopeChart].forEach((panel, index) => {
        if (shown) panel.dot(`at ${name}`, error, values[index], { color, radius: 3.5 });
        cells[name][index].textContent = shown ? format(values[index]) : "";
      });
    }
    lossChart.finish();
    slopeChart.finish();

    bugRow.hidden = !bug;
    say(readoutHead, `at error ${format(error)}`);
    facts.replaceChildren(...[
      `exponent α − y = ${format(exponent)}`, `A = ${format(A)}`, `C = ${format(C)}`,
      smooth ? `steepest at |error| = ${format(steepest)}: ${format(steepestSlope)}` : "steepest next to zero error",
    ].map((words) => element("li", {}, words)));
    presets.forEach((node, i) => node.setAttribute("aria-pressed", String(Object.entries(PRESETS[i].values).every(([name, value]) => model.get(name) === value))));
    say(summary, describe({ p, y, error, bug, smooth, exponent, A, steepest, steepestSlope, at, wrong }));
    numbers.update();
  }
  return redraw(model, el, Object.keys(LIMITS), draw);
}

// The one-sentence summaries that stand for the picture.
function describe({ p, y, error, bug, smooth, exponent, A, steepest, steepestSlope, at, wrong }) {
  const { theta, omega, epsilon } = p;
  if (bug) {
    const before = wrong(theta * (1 - 1e-9))[0], after = wrong(theta)[0];
    return `Divided by omega instead of epsilon, the loss jumps from ${format(before)} to ${format(after)} at theta = ${format(theta)}, ` +
      `and at error ${format(error)} its gradient is ${format(at.bug[1])} instead of ${format(at.awing[1])}.`;
  }
  const start = smooth ? "starts at 0"
    : exponent > 1 - 1e-9 ? `jumps from ${format(-omega / epsilon)} to ${format(omega / epsilon)} at zero error`
    : "grows without bound towards zero error";
  const rise = !smooth ? `and falls to ${format(A)} at theta = ${format(theta)}`
    : steepest < theta ? `is steepest at an error of ${format(steepest)} (${format(steepestSlope)}) and stays at ${format(A)} from theta = ${format(theta)} on`
    : `rises up to theta = ${format(theta)} and stays at ${format(A)}`;
  return `For a pixel with target ${format(y)} the gradient of Adaptive Wing ${start}${smooth ? "," : ""} ${rise}; ` +
    `at error ${format(error)} it is ${format(at.awing[1])}, that of MSE ${format(at.mse[1])}.`;
}

export default { render };
