// A face with the heatmap of one landmark over it, and the height of each landmark's peak. What is measured comes from
// Python; here it is only shown.

// Bytes of a base64 text.
export const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

// The map of one landmark, 0 to 255, of (landmarks, height, width) in 16 levels, two in a byte, the first in its high half.
export function mapOf(bytes, [height, width], point) {
  const area = height * width, start = point * area;
  return Uint8Array.from({ length: area }, (_, i) => 17 * ((bytes[(start + i) >> 1] >> ((start + i) % 2 ? 0 : 4)) & 15));
}

// Place of the point nearest to `spot`, both [x, y]; -1 if none is within `reach`.
export function nearestOf(points, [x, y], reach) {
  const away = points.map(([px, py]) => Math.hypot(px - x, py - y)), least = Math.min(...away);
  return least <= reach ? away.indexOf(least) : -1;
}

// -- drawing ----------------------------------------------------------------------------------------------------------
const YELLOW = [255, 225, 77]; // over a photo, as in awing_lib.figures.OVERLAY_COLORS
const OPACITY = 0.85; // at a value of 1, so that the face stays visible
const REACH = 24; // pixels of the screen at which a mouse that passes by picks up a landmark
const STYLES = [
  { color: "var(--aw-green)", dash: "none" },
  { color: "var(--aw-red)", dash: "7 3" },
  { color: "var(--aw-blue)", dash: "2 3" },
  { color: "var(--aw-purple)", dash: "9 3 2 3" },
  { color: "var(--aw-amber)", dash: "12 4" },
];
const over = "position:absolute;inset:0;width:100%;height:100%;border:0";
const pixels = (width) => (width === null ? "none" : `${width.toFixed(1)} px`);

function render({ model, el }) {
  const anchor = model.page && anchorOf(el, "heatmap-browser");
  const names = model.get("names"), size = model.get("size"), side = model.get("side");
  const faces = model.get("faces").map((face, i) => ({ ...face, ...STYLES[i], label: face.name, bytes: bytesOf(face.maps) }));
  const limits = { face: [0, faces.length - 1], point: [0, names.length - 1] };
  let hovered = null;

  const view = `-0.5 -0.5 ${side} ${side}`; // integers are the centres of pixels
  const photo = element("svg:image", { x: -0.5, y: -0.5, width: side, height: side, preserveAspectRatio: "none" });
  const canvas = element("canvas", { width: size[1], height: size[0], "aria-hidden": "true", style: over });
  const context = canvas.getContext("2d"), overlay = context.createImageData(size[1], size[0]);
  const dots = names.map((_, index) => element("svg:circle", { "data-point": index, r: side / 150, fill: "#ffffff", stroke: "#1b1b1f", "stroke-width": side / 600 }));
  const ring = element("svg:circle", { r: side / 32, fill: "none", stroke: "#ffffff", "stroke-width": side / 150 });
  const marks = element("svg:svg", { viewBox: view, class: "aw-pick", role: "img", style: over }, ...dots, ring);
  const picture = element("div", { style: "position:relative;align-self:start;justify-self:center;width:100%;max-width:460px;border:1px solid var(--aw-faint)" },
    element("svg:svg", { viewBox: view, "aria-hidden": "true", style: "display:block;width:100%" }, photo), canvas, marks);

  const plot = chart({ label: "", xLabel: "landmark", yLabel: "height of the peak", height: 230 });
  plot.onPick((x) => write(model, "point", Math.min(Math.max(Math.round(x), 0), names.length - 1)));
  const heading = element("h4");
  const facts = element("ul", { class: "aw-facts" });
  const summary = element("p", { class: "aw-summary", role: "status" });
  const choices = faces.map(({ name }, i) => button(name, () => write(model, "face", i)));
  const numbers = numbersTable(
    () => ["landmark", "name", ...faces.map(({ name }) => `${name}: peak, width`)],
    () => names.map((name, i) => [String(i), name, ...faces.map(({ peaks, widths }) => `${peaks[i].toFixed(2)}, ${pixels(widths[i])}`)]),
  );

  el.append(element("div", { class: "aw aw-heatmap-browser", id: anchor },
    element("div", { class: "aw-row", role: "group", "aria-label": "Face" }, ...choices),
    slider(model, { name: "point", label: "landmark", min: 0, max: names.length - 1, step: 1, show: String }),
    element("div", { class: "aw-columns" }, picture, element("div", { style: "min-width:0" }, heading, facts, plot.node, legend(faces))),
    summary, numbers.node,
    settingsLink(model, el, { anchor: "heatmap-browser", call: "HeatmapBrowser", limits })));

  function draw() {
    const chosen = model.get("face"), face = faces[chosen], point = hovered ?? model.get("point");
    const map = mapOf(face.bytes, size, point);
    for (let i = 0; i < map.length; i++) {
      overlay.data.set(YELLOW, 4 * i);
      overlay.data[4 * i + 3] = OPACITY * map[i];
    }
    context.putImageData(overlay, 0, 0);
    if (photo.getAttribute("href") !== face.image) photo.setAttribute("href", face.image);
    face.positions.forEach(([x, y], i) => { dots[i].setAttribute("cx", x); dots[i].setAttribute("cy", y); });
    ring.setAttribute("cx", face.positions[point][0]);
    ring.setAttribute("cy", face.positions[point][1]);
    const peak = face.peaks[point].toFixed(2), width = pixels(face.widths[point]);
    marks.setAttribute("aria-label", `${face.name}: the heatmap of ${names[point]}, its peak ${peak} high`);
    choices.forEach((choice, i) => choice.setAttribute("aria-pressed", String(i === chosen)));

    heading.textContent = `${point}: ${names[point]}`;
    facts.replaceChildren(...faces.map(({ name, peaks, widths }) => element("li", {}, `${name}: peak ${peaks[point].toFixed(2)}, width ${pixels(widths[point])}`)));
    plot.rename("height of the peak", `Height of the peak of each landmark; ${names[point]} is marked`);
    plot.frame({ x: [0, Math.max(names.length - 1, 1)], y: [0, Math.max(1, ...faces.flatMap(({ peaks }) => peaks))] });
    faces.forEach(({ peaks, color, dash }, i) => {
      plot.line(`peaks-${i}`, peaks.map((value, at) => [at, value]), { color, dash, width: i === chosen ? 3 : 1.5 });
    });
    plot.upright("chosen", point, { dash: "3 3" });
    plot.dot("here", point, face.peaks[point], { color: face.color });
    plot.finish();
    say(summary, `${face.name}, ${names[point]}: the peak is ${peak} high and the bump ${width} wide.`);
    numbers.update();
  }

  const spot = (event) => {
    const box = marks.getBoundingClientRect(), scaled = side / box.width;
    const place = [(event.clientX - box.left) * scaled - 0.5, (event.clientY - box.top) * scaled - 0.5];
    return nearestOf(faces[model.get("face")].positions, place, REACH * scaled);
  };
  const hover = (index) => {
    if (index === hovered) return;
    hovered = index;
    timed(el, draw);
  };
  marks.addEventListener("pointermove", (event) => { if (event.pointerType === "mouse") { const near = spot(event); hover(near < 0 ? null : near); } });
  marks.addEventListener("pointerleave", () => hover(null));
  marks.addEventListener("click", (event) => { const near = spot(event); if (near >= 0) write(model, "point", near); });
  return redraw(model, el, ["face", "point"], draw);
}

export default { render };
