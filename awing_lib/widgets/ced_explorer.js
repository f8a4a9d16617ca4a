// CED: the share of faces below each error, for several models; FR and AUC follow a threshold.
// The numbers first (pure functions, held to the Python library by a test), the drawing after them.
// Errors are fractions, sorted, one list a model; null stands for a face that was not found.

export const withoutWorst = (errors, share) => errors.slice(0, errors.length - Math.floor(share * errors.length + 1e-9));
export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
export const failureRate = (errors, threshold) => errors.filter((error) => error > threshold).length / errors.length;
export const areaUnderCurve = (errors, limit) => mean(errors.map((error) => 1 - Math.min(error, limit) / limit));

// Corners of the CED from (0, 0) to x = limit: a step of 1/N at each error.
export function steps(errors, limit) {
  const points = [[0, 0]];
  let share = 0;
  for (const error of errors) {
    if (error > limit) break;
    points.push([error, share]);
    share += 1 / errors.length;
    points.push([error, share]);
  }
  points.push([limit, share]);
  return points;
}

// The corners that a screen can tell apart: the first and the last of those closer than `gap` along x.
export function thinned(points, gap) {
  const cell = (i) => Math.floor((points[i]?.[0] ?? -1) / gap);
  return points.filter((_, i) => cell(i) !== cell(i - 1) || cell(i) !== cell(i + 1));
}

export const shareBelow = (errors, x) => errors.filter((error) => error <= x).length / errors.length;

// -- drawing ----------------------------------------------------------------------------------------------------------

const END = 0.15; // of the axis
const GAP = END / 2000; // less than a pixel
const STYLES = [
  { color: "var(--aw-red)", dash: "7 3" },
  { color: "var(--aw-amber)", dash: "9 3 2 3" },
  { color: "var(--aw-green)", dash: "none" },
  { color: "var(--aw-purple)", dash: "2 3" },
  { color: "var(--aw-blue)", dash: "12 4" },
];
const START = { threshold: 0.1, left_out: 0, shaded: 0 };
const percent = (fraction, digits = 2) => (Number.isFinite(fraction) ? `${(100 * fraction).toFixed(digits)} %` : "∞");
const NO_BREAK = "white-space:nowrap";
const listed = (names) => (names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`);

function render({ model, el }) {
  const anchor = model.page && anchorOf(el, "ced-explorer");
  const models = model.get("models").map(({ name, errors }, i) => ({ name, errors: errors.map((error) => error ?? Infinity), ...STYLES[i] }));
  const limits = { threshold: [0.01, END], left_out: [0, 0.1], shaded: [0, models.length - 1] };
  const plot = chart({ label: "Cumulative error distribution of each model", xLabel: "error, %", yLabel: "share of faces, %", height: 280 });
  plot.onPick((x) => write(model, "threshold", Math.min(Math.max(Math.round(10 * x) / 1000, 0.01), END)));

  const cells = models.map(() => ["NME", "FR", "AUC"].map(() => element("td", { style: NO_BREAK })));
  const scores = element("table", { class: "aw-table" },
    element("thead", {}, element("tr", {}, ...["model", "NME, %", "FR, %", "AUC"].map((head) => element("th", { scope: "col", style: NO_BREAK }, head)))),
    element("tbody", {}, ...models.map((entry, i) => element("tr", {}, element("th", { scope: "row" }, sample(entry), " ", entry.name), ...cells[i]))));
  const choices = models.map(({ name }, i) => button(name, () => write(model, "shaded", i)));
  const summary = element("p", { class: "aw-summary", role: "status" });
  let kept = [], curves = [], keptFor;
  const numbers = numbersTable(
    () => ["faces, %, with error at most", ...models.map(({ name }) => name)],
    () => Array.from({ length: 15 }, (_, i) => [`${i + 1} %`, ...kept.map((errors) => (100 * shareBelow(errors, (i + 1) / 100)).toFixed(1))]),
  );
  el.append(element("div", { class: "aw aw-ced-explorer", id: anchor },
    element("div", { class: "aw-columns" },
      element("div", {}, plot.node),
      element("div", {},
        slider(model, { name: "threshold", label: "threshold", min: 0.01, max: END, step: 0.001, show: (value) => percent(value, 1) }),
        slider(model, { name: "left_out", label: "worst left out", min: 0, max: 0.1, step: 0.01, show: (value) => percent(value, 0) }),
        scores)),
    element("div", { class: "aw-row", style: "margin-top:6px", role: "group", "aria-label": "area of" }, element("span", {}, "area of"), ...choices,
      button("Reset", () => writeAll(model, START))),
    summary, numbers.node,
    settingsLink(model, el, { anchor: "ced-explorer", call: "CedExplorer", limits })));

  function draw() {
    const threshold = model.get("threshold"), leftOut = model.get("left_out"), shaded = model.get("shaded");
    if (leftOut !== keptFor) { // the curves do not depend on the threshold
      keptFor = leftOut;
      kept = models.map(({ errors }) => withoutWorst(errors, leftOut));
      curves = kept.map((errors) => thinned(steps(errors, END), GAP).map(([x, y]) => [100 * x, 100 * y]));
    }
    const rates = kept.map((errors) => failureRate(errors, threshold)), areas = kept.map((errors) => areaUnderCurve(errors, threshold));
    plot.frame({ x: [0, 100 * END], y: [0, 100] });
    const corner = ([x, y]) => `${plot.x(100 * x).toFixed(1)} ${plot.y(100 * y).toFixed(1)}`;
    plot.mark("area", "path", {
      d: `M${[...thinned(steps(kept[shaded], threshold), GAP), [threshold, 0]].map(corner).join("L")}Z`,
      style: `fill:${models[shaded].color};fill-opacity:.18;stroke:none`,
    });
    models.forEach((entry, i) => plot.line(`ced-${i}`, curves[i], entry));
    plot.upright("threshold", 100 * threshold, { width: 1.5 });
    models.forEach(({ color }, i) => plot.dot(`at-${i}`, 100 * threshold, 100 * (1 - rates[i]), { color }));
    plot.finish();

    cells.forEach(([nme, rate, area], i) => {
      nme.textContent = percent(mean(kept[i])).replace(" %", "");
      rate.textContent = percent(rates[i]).replace(" %", "");
      area.textContent = areas[i].toFixed(4);
    });
    choices.forEach((choice, i) => choice.setAttribute("aria-pressed", i === shaded));
    const best = (values, wanted) => listed(models.filter((_, i) => values[i] === wanted).map(({ name }) => name));
    const fewest = Math.min(...rates), most = Math.max(...areas);
    const without = leftOut > 0 ? `, with the worst ${percent(leftOut, 0)} of each model's faces left out` : "";
    say(summary, `At a threshold of ${percent(threshold, 1)}${without}: fewest failures with ${best(rates, fewest)} (${percent(fewest)}), highest AUC with ${best(areas, most)} (${most.toFixed(4)}).`);
    numbers.update();
  }
  return redraw(model, el, Object.keys(limits), draw);
}

export default { render };
