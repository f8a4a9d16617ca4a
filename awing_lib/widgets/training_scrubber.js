// Heatmaps of one face through the epochs of several runs, side by side, with the error of each epoch.
// The numbers first (pure functions, held to the Python library by a test), the drawing after them.

// Bytes of a base64 text; a byte b stands for the value b / 255.
export const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

// One map (a view of its bytes) of (runs, epochs, views, height, width).
export function mapOf(bytes, { epochs, views, size: [height, width] }, run, epoch, view) {
  const area = height * width, start = ((run * epochs + epoch) * views + view) * area;
  return bytes.subarray(start, start + area);
}

// bump_shape of awing_lib.figures: the value at the landmark, the peak, and the diameter of a disc with the area of the
// pixels above half of the peak. `place` is [x, y] in pixels; NaN is what cannot be measured.
export function bumpShape(map, [height, width], place) {
  let peak = 0, area = 0;
  for (const value of map) if (value > peak) peak = value;
  for (const value of map) if (2 * value > peak) area++;
  const column = Math.floor(place[0] + 0.5), row = Math.floor(place[1] + 0.5);
  const inside = column >= 0 && column < width && row >= 0 && row < height;
  return {
    atLandmark: inside ? map[row * width + column] / 255 : NaN, peak: peak / 255,
    width: peak > 0 ? 2 * Math.sqrt(area / Math.PI) : NaN,
  };
}

// -- drawing ----------------------------------------------------------------------------------------------------------
// Dark to light without a turn in lightness, so that it also reads in grey.
const SHADES = [[8, 6, 28], [62, 18, 110], [140, 36, 122], [214, 70, 82], [248, 148, 66], [253, 246, 184]];

const SHADE = Array.from({ length: 256 }, (_, level) => {
  const place = (level / 255) * (SHADES.length - 1), low = Math.min(Math.floor(place), SHADES.length - 2);
  return SHADES[low].map((from, i) => Math.round(from + (place - low) * (SHADES[low + 1][i] - from)));
});

const STYLES = [
  { color: "var(--aw-red)", dash: "7 3" },
  { color: "var(--aw-amber)", dash: "9 3 2 3" },
  { color: "var(--aw-green)", dash: "none" },
  { color: "var(--aw-purple)", dash: "2 3" },
  { color: "var(--aw-blue)", dash: "12 4" },
];
const percent = (fraction) => (fraction === null ? "∞" : `${(100 * fraction).toFixed(1)} %`);
const known = (value) => value !== null && !Number.isNaN(value);
const shown = (value, digits) => (known(value) ? value.toFixed(digits) : "none");
const NO_BREAK = "white-space:nowrap";
const listed = (names) => (names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`);

// A heatmap with a ring at the true landmark.
function picture([height, width], caption) {
  const canvas = element("canvas", { width, height, "aria-hidden": "true" });
  const ring = element("svg:circle", { r: 1.9, fill: "none", stroke: "#ffffff", "stroke-width": 0.28, "stroke-dasharray": "0.7 0.5" });
  // integers are the centres of pixels
  const marks = element("svg:svg", { viewBox: `-0.5 -0.5 ${width} ${height}`, "aria-hidden": "true", style: "position:absolute;inset:1px;width:calc(100% - 2px);height:calc(100% - 2px)" }, ring);
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  image.data.fill(255);
  const box = element("div", { role: "img", style: "position:relative" }, canvas, marks);
  return {
    node: element("figure", { style: "margin:0;min-width:0" }, box, element("figcaption", { style: "font-size:13px;line-height:1.35" }, ...caption)),
    paint(map, place, label) {
      for (let i = 0; i < map.length; i++) {
        const [red, green, blue] = SHADE[map[i]];
        image.data[4 * i] = red;
        image.data[4 * i + 1] = green;
        image.data[4 * i + 2] = blue;
      }
      context.putImageData(image, 0, 0);
      ring.style.display = place ? "" : "none";
      if (place) { ring.setAttribute("cx", place[0]); ring.setAttribute("cy", place[1]); }
      box.setAttribute("aria-label", label);
    },
  };
}

function render({ model, el }) {
  const anchor = model.page && anchorOf(el, "training-scrubber");
  const runs = model.get("runs").map((run, i) => ({ ...run, ...STYLES[i] }));
  const epochs = model.get("epochs"), views = model.get("views"), places = model.get("places"), size = model.get("size");
  const shape = { epochs: epochs.length, views: views.length, size };
  const bytes = bytesOf(model.get("maps")), truth = bytesOf(model.get("target"));
  const limits = { epoch: [0, epochs.length - 1], view: [0, views.length - 1] };

  const photo = element("figure", { style: "margin:0;min-width:0" },
    // not an img: themes put frames around those
    element("svg:svg", { viewBox: "0 0 1 1", role: "img", "aria-label": "The face, as the networks see it", style: "display:block;width:100%;border:1px solid var(--aw-faint)" },
      element("svg:image", { href: model.get("image"), width: 1, height: 1, preserveAspectRatio: "none" })),
    element("figcaption", { style: "font-size:13px" }, element("b", {}, "face")));
  const target = picture(size, [element("b", {}, "target")]);
  const panels = runs.map(({ name }) => {
    const words = element("span", { style: "font-variant-numeric:tabular-nums" });
    return { ...picture(size, [element("b", {}, name), element("br"), words]), words };
  });
  const plot = chart({ label: "NME of each run after each epoch", xLabel: "epoch", yLabel: "NME, %", height: 230 });
  plot.onPick((x) => {
    const near = epochs.map((number) => Math.abs(number - x));
    write(model, "epoch", near.indexOf(Math.min(...near)));
  });
  const cells = runs.map(() => Array.from({ length: 3 }, () => element("td")));
  const scores = element("table", { class: "aw-table" },
    element("caption", { style: "caption-side:bottom;font-size:13px;text-align:left;color:inherit" }, "Means over all held-out faces; height: the value at the true landmark."),
    element("thead", {}, element("tr", {}, ...["run", "NME, %", "height", "width, px"].map((head) => element("th", { scope: "col", style: NO_BREAK }, head)))),
    element("tbody", {}, ...runs.map((run, i) => element("tr", {}, element("th", { scope: "row" },
      element("span", { style: "display:flex;gap:8px;align-items:center" }, sample(run), run.name)), ...cells[i]))));
  const choices = views.map((name, i) => button(name, () => write(model, "view", i)));
  const summary = element("p", { class: "aw-summary", role: "status" });
  const numbers = numbersTable(
    () => ["epoch", ...runs.map(({ name }) => name)],
    () => epochs.map((number, i) => [String(number), ...runs.map(({ nme }) => percent(nme[i]))]),
  );

  el.append(element("div", { class: "aw aw-training-scrubber", id: anchor },
    slider(model, { name: "epoch", label: "after epoch", min: 0, max: epochs.length - 1, step: 1, show: (value) => String(epochs[value]) }),
    element("div", { class: "aw-row", role: "group", "aria-label": "heatmap of" }, element("span", {}, "heatmap of"), ...choices),
    element("div", { style: "display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:10px;max-width:660px;margin:8px auto" },
      photo, target.node, ...panels.map(({ node }) => node)),
    plot.node, element("div", { style: "overflow-x:auto" }, scores),
    summary, numbers.node,
    settingsLink(model, el, { anchor: "training-scrubber", call: "TrainingScrubber", limits })));

  const first = epochs[0] - (epochs.length > 1 ? 0 : 1), last = epochs.at(-1);
  const top = 100 * Math.max(...runs.flatMap(({ nme }) => nme.filter((value) => value !== null)), 0.01);
  function draw() {
    const epoch = model.get("epoch"), view = model.get("view"), place = places[view];
    target.paint(mapOf(truth, shape, 0, 0, view), place, `Target of ${views[view]}`);
    panels.forEach(({ paint, words }, i) => {
      const map = mapOf(bytes, shape, i, epoch, view), { peak, width } = bumpShape(map, size, place ?? [0, 0]);
      const found = place ? `peak ${peak.toFixed(2)}, width ${shown(width, 1)}${known(width) ? " px" : ""}` : `highest ${peak.toFixed(2)}`;
      words.textContent = found;
      paint(map, place, `${views[view]} by ${runs[i].name} after epoch ${epochs[epoch]}: ${found}`);
    });
    plot.frame({ x: [first, last], y: [0, 1.05 * top] });
    plot.upright("epoch", epochs[epoch], { width: 1.5 });
    runs.forEach((run, i) => plot.line(`nme-${i}`, run.nme.map((value, e) => [epochs[e], value === null ? NaN : 100 * value]), run));
    runs.forEach(({ nme, color }, i) => { if (nme[epoch] !== null) plot.dot(`at-${i}`, epochs[epoch], 100 * nme[epoch], { color }); });
    plot.finish();

    cells.forEach((row, i) => {
      const { nme, height, width } = runs[i];
      const texts = [percent(nme[epoch]).replace(" %", ""), shown(height[epoch], 2), shown(width[epoch], 1)];
      texts.forEach((text, j) => { row[j].textContent = text; });
    });
    choices.forEach((choice, i) => choice.setAttribute("aria-pressed", String(i === view)));
    const best = (key, better) => {
      const values = runs.map((run) => run[key][epoch]), finite = values.filter(known);
      if (!finite.length) return null;
      const wanted = better(...finite);
      return [listed(runs.filter((_, i) => values[i] === wanted).map(({ name }) => name)), wanted];
    };
    const least = best("nme", Math.min), highest = best("height", Math.max);
    say(summary, `After epoch ${epochs[epoch]}: lowest NME with ${least ? `${least[0]} (${percent(least[1])})` : "none"}, ` +
      `highest at the landmarks with ${highest ? `${highest[0]} (${highest[1].toFixed(2)})` : "none"}.`);
    numbers.update();
  }
  return redraw(model, el, Object.keys(limits), draw);
}

export default { render };
