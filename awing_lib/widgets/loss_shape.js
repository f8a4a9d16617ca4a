// The shape of Adaptive Wing over the target y: a fan of curves, and the ratio of influence of landmark and background.

const LIMITS = { y: [0, 1], error: [0.001, 1], alpha: [1.2, 4], gradient: [0, 1] };
const FAN = Array.from({ length: 11 }, (_, i) => i / 10);
const NUMBERS_AT = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1];

// From purple at y = 0 over blue to green at y = 1, in the colours of the page's theme.
const shade = (y) => `color-mix(in oklch, var(--aw-green) ${Math.round(100 * y)}%, var(--aw-purple))`;

function render({ model, el }) {
  const fan = chart({ xLabel: "|prediction − target|", yLabel: "loss" });
  const ratios = chart({ label: "Slope for a pixel with target y divided by the slope for a background pixel, over the absolute error, both axes logarithmic", xLabel: "|prediction − target|, logarithmic", yLabel: "slope ÷ slope at y = 0", logX: true, logY: true });
  const clamp = (error) => Number(Math.min(Math.max(error, 0.001), 1).toPrecision(3));
  for (const { onPick } of [fan, ratios]) onPick((error) => write(model, "error", clamp(error)));

  const views = [["Loss", false], ["Gradient", true]].map(([label, value]) => [button(label, () => write(model, "gradient", value)), value]);
  const facts = element("ul", { class: "aw-facts", "aria-label": "Read off at the chosen error" });
  const summary = element("p", { class: "aw-summary", role: "status" });
  const slope = (y, d) => adaptiveWing(y, y + d, { alpha: model.get("alpha") })[1];
  const numbers = numbersTable(
    () => ["|error|", "slope, y = 0", `slope, y = ${format(model.get("y"))}`, "slope, y = 1", "ratio of y = 1 to y = 0"],
    () => NUMBERS_AT.map((d) => [d, slope(0, d), slope(model.get("y"), d), slope(1, d), slope(1, d) / slope(0, d)].map((value) => format(value))),
  );
  const ramp = element("span", { class: "aw-ramp", style: `background: linear-gradient(to right, ${FAN.map(shade).join(", ")})`, "aria-hidden": "true" });

  el.append(element("div", { class: "aw aw-loss-shape", id: model.page && anchorOf(el, "loss-shape") },
    element("div", { class: "aw-row", role: "group", "aria-label": "Curves of" }, ...views.map(([node]) => node),
      element("span", { class: "aw-row" }, "y = 0", ramp, "y = 1")),
    element("div", { class: "aw-controls" },
      slider(model, { name: "y", label: "target y", min: 0, max: 1, step: 0.01 }),
      slider(model, { name: "error", label: "|error|", min: 0.001, max: 1, log: true }),
      slider(model, { name: "alpha", label: "alpha (α)", min: 1.2, max: 4, step: 0.01 })),
    element("div", { class: "aw-columns" }, fan.node, ratios.node),
    facts, summary, numbers.node,
    settingsLink(model, el, { anchor: "loss-shape", call: "LossShape", limits: LIMITS })));

  function draw() {
    const alpha = model.get("alpha"), y = model.get("y"), error = model.get("error"), part = model.get("gradient") ? 1 : 0;
    const between = y > 0 && y < 1; // else the chosen pixel is one of the two that are named anyway
    const at = (target, d) => adaptiveWing(target, target + d, { alpha });

    fan.frame({ x: [0, 1], y: [0, part ? 15 : 12] });
    fan.rename(part ? "gradient" : "loss", `${part ? "Gradient" : "Loss"} of Adaptive Wing over the absolute error for targets y from 0 to 1`);
    const errors = [...Array.from({ length: 41 }, (_, i) => 10 ** (-5 + (3 * i) / 40)), ...Array.from({ length: 99 }, (_, i) => (i + 2) / 100)];
    const curve = (target) => [...(target < alpha - 1 - 1e-9 || !part ? [[0, 0]] : []), ...errors.map((d) => [d, at(target, d)[part]])];
    fan.upright("theta", 0.5, { dash: "1 3" });
    fan.text("θ", 0.5, part ? 15 : 12, "θ", { dx: 4, dy: 12 });
    for (const target of FAN) fan.line(`y ${target}`, curve(target), { color: shade(target), width: 1.3 });
    fan.line("chosen", curve(y), { color: shade(y), width: 4 });
    for (const [end, opposite] of [[0, 1], [1, 0]]) { // the ends of the fan, named outside of it
      const value = at(end, 1)[part];
      fan.text(`name ${end}`, 1, value, `y = ${end}`, { dx: -4, dy: value > at(opposite, 1)[part] ? -7 : part ? 16 : 32, anchor: "end" });
    }
    fan.upright("cursor", error);
    fan.dot("at", error, at(y, error)[part], { color: shade(y), radius: 5.5 });
    fan.finish();

    const spread = Array.from({ length: 121 }, (_, i) => 10 ** (-3 + (3 * i) / 120));
    const ratio = (target, d) => at(target, d)[1] / at(0, d)[1];
    ratios.frame({ x: [0.001, 1], y: [0.1, 1000] });
    ratios.line("equal", [[0.001, 1], [1, 1]], { width: 1 });
    ratios.text("equal words", 0.001, 1, "equal influence", { dx: 4, dy: 14 });
    ratios.line("chosen", spread.map((d) => [d, ratio(y, d)]), { color: shade(y), width: 4 });
    ratios.line("landmark", spread.map((d) => [d, ratio(1, d)]), { color: shade(1), width: 2, dash: "8 3" });
    ratios.text("y = 1", 0.01, ratio(1, 0.01), "y = 1", { dx: 4, dy: -8 });
    if (between) ratios.text("y", 0.005, ratio(y, 0.005), `y = ${format(y)}`, { dx: -4, dy: 18, anchor: "end" });
    ratios.upright("cursor", error);
    ratios.dot("at chosen", error, ratio(y, error), { color: shade(y), radius: 5.5 });
    ratios.dot("at", error, ratio(1, error), { color: shade(1), radius: 4.5 });
    ratios.finish();

    for (const [node, value] of views) node.setAttribute("aria-pressed", String(value === model.get("gradient")));
    facts.replaceChildren(...[
      `exponent α − y = ${format(alpha - y)}`, `loss ${format(at(y, error)[0])}`, `slope ${format(at(y, error)[1])}`,
      `slope at y = 1 ÷ slope at y = 0: ${format(ratio(1, error))}`,
    ].map((words) => element("li", {}, words)));
    say(summary, `At an error of ${format(error)} a landmark pixel (y = 1) pulls ${format(ratio(1, error))} times as hard as a background ` +
      `pixel (y = 0)${between ? `, and a pixel with target ${format(y)} pulls ${format(ratio(y, error))} times as hard` : ""}.`);
    numbers.update();
  }
  return redraw(model, el, Object.keys(LIMITS), draw);
}

export default { render };
