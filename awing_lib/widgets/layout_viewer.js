// The layout viewer: the landmarks of one layout on a face, what they are called, how they mirror and what they bound.

const LIMITS = { count: [1, 1000], point: [0, 999], boundaries: [0, 1], numbers: [0, 1], picture: [0, 1], ocular: [0, 1], pupil: [0, 1], box: [0, 1] };
const REGIONS = [["Whole face", /./], ["Eyes and brows", /eye|brow|pupil/], ["Nose and mouth", /nose|lip|mouth/]];
const SIDES = [
  { label: "image-left", color: "var(--aw-blue)" },
  { label: "midline", color: "var(--aw-purple)" },
  { label: "image-right", color: "var(--aw-amber)" },
];
const CHOSEN = "var(--aw-green)", MEASURE = "var(--aw-red)";
const SIDE = 256; // of the picture, in its pixels
const REACH = 18; // pixels of the screen at which a mouse that passes by picks up a point

const distance = ([ax, ay], [bx, by]) => Math.hypot(ax - bx, ay - by);
const mean = (points) => [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);

function extent(points) {
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
}

// Place of the point that lies nearest to `spot`; { index, away }.
function nearest(points, spot) {
  return points.reduce((best, point, index) => {
    const away = distance(point, spot);
    return away < best.away ? { index, away } : best;
  }, { index: 0, away: Infinity });
}

// 0 image-left, 1 midline, 2 image-right: a pair names its left point first, as the layouts do.
function sideOf(layout, index) {
  if (layout.mirror[index] === index) return 1;
  return layout.mirror_pairs.some(([left]) => left === index) ? 0 : 2;
}

const curvesOf = (layout, index) => Object.keys(layout.boundaries).filter((name) => layout.boundaries[name].includes(index));

// The normalisers of a layout: [trait, name, length in pixels of the face, ends or box].
function normalizers(layout) {
  const { positions, eyes } = layout, { left, right, top, bottom } = extent(positions), found = [];
  for (const [trait, kind] of [["ocular", "inter-ocular"], ["pupil", "inter-pupil"]]) {
    if (!eyes[kind]) continue;
    const ends = eyes[kind].map((end) => mean(end.map((index) => positions[index])));
    found.push({ trait, kind, length: distance(...ends), ends });
  }
  return [...found, { trait: "box", kind: "box", length: Math.sqrt((right - left) * (bottom - top)), box: { left, right, top, bottom } }];
}

function render({ model, el }) {
  const layouts = model.get("layouts");
  const everything = layouts.flatMap(({ points, positions }) => points.map((name, index) => [name, positions[index]]));
  const shown = () => layouts.find((layout) => layout.points.length === model.get("count")) ?? layouts[0];
  const chosen = (layout) => Math.min(Math.max(Math.round(model.get("point")), 0), layout.points.length - 1);
  let region = 0, hovered = null, screen = [], placed = []; // the points on the screen; null in `placed` where out of view

  const svg = element("svg:svg", { class: "aw-chart aw-pick", role: "img", style: "margin: 0 auto" });
  const node = element("div", { class: "aw-chart-box" }, svg);
  const stepper = slider(model, { name: "point", label: "landmark", min: 0, max: 1, step: 1, show: String });
  const range = stepper.querySelector("input");
  const heading = element("h4");
  const lengths = element("ul", { class: "aw-facts", "aria-label": "What errors are divided by" });
  const summary = element("p", { class: "aw-summary", role: "status" });

  const measured = (kind) => layouts.some(({ eyes }) => eyes[kind]);
  const shows = [
    ["picture", "face", model.get("face")], ["numbers", "indices", true], ["boundaries", "boundary curves", true],
    ["ocular", "inter-ocular", measured("inter-ocular")], ["pupil", "inter-pupil", measured("inter-pupil")], ["box", "box", true],
  ].filter(([, , there]) => there);

  // A change of layout keeps the place on the face: the point of the new layout that lies nearest to the old one.
  const switchTo = (next) => {
    const place = shown().positions[chosen(shown())];
    hovered = null;
    writeAll(model, { count: next.points.length, point: nearest(next.positions, place).index });
  };
  const tabs = layouts.map((layout) => button(layout.name, () => switchTo(layout)));
  const around = (points) => (model.get("face") ? widened(extent(points)) : extent(points));
  const parts = REGIONS.map(([label, pattern], index) => [label, (index ? extent : around)(everything.filter(([name]) => pattern.test(name)).map(([, position]) => position))])
    .filter(([, { left, right, top, bottom }]) => right > left && bottom > top); // one's own names may say nothing of eyes
  const regions = parts.map(([label], index) => button(label, () => { region = index; hovered = null; again(); }));
  const group = (label, ...children) => element("div", { class: "aw-row", role: "group", "aria-label": label }, ...children);
  const swatch = ({ label, color }) => element("li", {},
    element("svg:svg", { width: 10, height: 10, "aria-hidden": "true" }, element("svg:circle", { cx: 5, cy: 5, r: 4, style: `fill:${color}` })), label);

  const numbers = numbersTable(
    () => ["landmark", "name", "mirror partner", "boundary curves"],
    () => shown().points.map((name, index) => [String(index), name, String(shown().mirror[index]), curvesOf(shown(), index).join(", ") || "none"]),
  );

  el.append(element("div", { class: "aw aw-layout-viewer", id: model.page && anchorOf(el, "layout-viewer") },
    group("Layout", ...tabs),
    element("div", { class: "aw-controls" }, stepper, group("Part of the face", ...regions)),
    element("div", { style: "display: flex; flex-wrap: wrap; gap: 10px 16px" }, // side by side where the face keeps 380 pixels
      element("div", { style: "flex: 3 1 380px; min-width: 0" }, node, element("ul", { class: "aw-legend" }, ...SIDES.map(swatch))),
      element("div", { style: "flex: 2 1 220px; min-width: 0" }, heading, summary,
        group("Show", ...shows.map(([name, label]) => checkbox(model, { name, label }))),
        lengths)),
    numbers.node,
    settingsLink(model, el, { anchor: "layout-viewer", call: "LayoutViewer", limits: LIMITS })));

  const spot = (event) => { const box = svg.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  const inView = (spotted) => nearest(placed.map((place) => place ?? [Infinity, Infinity]), spotted);
  const hover = (index) => { if (index !== hovered) { hovered = index; again(); } };
  svg.addEventListener("pointermove", (event) => {
    if (event.pointerType === "touch") return; // a finger chooses, it does not hover
    const { index, away } = inView(spot(event));
    hover(away <= REACH ? index : null);
  });
  svg.addEventListener("pointerleave", () => hover(null));
  svg.addEventListener("click", (event) => { // a tap comes here too, a swipe that scrolls the page does not
    const { index } = inView(spot(event));
    hovered = null;
    write(model, "point", index);
    again();
    range.focus({ preventScroll: true }); // the arrow keys go on from here
  });

  // The picture in four layers, back to front. What does not depend on the chosen point is kept while the view stays.
  const [back, lit, front, top] = Array.from({ length: 4 }, () => svg.appendChild(element("svg:g")));
  let view = "", indices = [];

  function place(layout) {
    const { left, right, top: upper, bottom } = parts[region][1]; // the same for all layouts, at one scale for x and y
    const room = node.clientWidth || 300, pad = 24;
    const zoom = Math.min((room - 2 * pad) / (right - left), 400 / (bottom - upper));
    const width = Math.min(room, zoom * (right - left) + 2 * pad), height = zoom * (bottom - upper) + 2 * pad;
    const onScreen = ([x, y]) => [width / 2 + (x - (left + right) / 2) * zoom, pad + (y - upper) * zoom];
    const wanted = JSON.stringify([layout.name, region, room, ...["picture", "boundaries", "numbers", "ocular", "pupil", "box"].map((name) => model.get(name))]);
    if (wanted === view) return;
    view = wanted;
    for (const [key, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) svg.setAttribute(key, value);
    screen = layout.positions.map(onScreen);
    placed = screen.map(([x, y]) => (x >= 0 && x <= width && y >= 0 && y <= height ? [x, y] : null));

    const behind = [];
    if (model.get("picture") && model.get("face")) { // pixel centres have integer coordinates: its corner is (-0.5, -0.5)
      const [x, y] = onScreen([-0.5, -0.5]);
      behind.push(element("svg:image", { href: model.get("face"), x, y, width: zoom * SIDE, height: zoom * SIDE, opacity: 0.6 }));
    }
    if (model.get("boundaries")) {
      for (const [name, run] of Object.entries(layout.boundaries)) behind.push(path(run, { "data-curve": name, style: "stroke:currentColor", "stroke-width": 1.5, opacity: 0.45 }));
    }
    for (const { trait, kind, ends, box } of normalizers(layout)) {
      if (!model.get(trait)) continue;
      const style = { "data-normalizer": kind, style: `stroke:${MEASURE}`, "stroke-width": 1.5, "stroke-dasharray": ends ? "none" : "6 4", fill: "none" };
      if (box) {
        const [[x, y], [x1, y1]] = [onScreen([box.left, box.top]), onScreen([box.right, box.bottom])];
        behind.push(element("svg:rect", { ...style, x, y, width: x1 - x, height: y1 - y }));
        continue;
      }
      const [[ax, ay], [bx, by]] = ends.map(onScreen), bar = (x, y) => `M${x} ${y - 9}L${x} ${y + 9}`;
      behind.push(element("svg:path", { ...style, d: `M${ax} ${ay}L${bx} ${by}${bar(ax, ay)}${bar(bx, by)}` }));
    }
    back.replaceChildren(...behind);
    indices = model.get("numbers") ? labels(placed, width, height) : [];
    front.replaceChildren(
      ...screen.map((_, index) => dot(index, 3.5, `fill:${SIDES[sideOf(layout, index)].color};stroke:var(--aw-panel)`, { "data-point": index })),
      ...indices.map((label) => label.node));
  }

  const path = (run, attributes) => element("svg:path", { fill: "none", "stroke-linecap": "round", "stroke-linejoin": "round",
    d: `M${run.map((index) => screen[index].map((value) => value.toFixed(1)).join(" ")).join("L")}`, ...attributes });
  const dot = (index, radius, style, more) => element("svg:circle", { cx: screen[index][0], cy: screen[index][1], r: radius, style, ...more });

  function draw() {
    const layout = shown(), { points, mirror } = layout, last = points.length - 1;
    const current = hovered !== null && hovered <= last ? hovered : chosen(layout), partner = mirror[current];
    place(layout);

    const own = model.get("boundaries") ? curvesOf(layout, current) : [];
    const joined = [];
    if (partner !== current) { // an arc, since a straight line may lie on that of a normaliser
      const [from, to] = [screen[current], screen[partner]], [x, y] = mean([from, to]);
      const high = 0.3 * distance(from, to), rise = y > high / 2 ? high : -high; // down where there is no room above
      joined.push(element("svg:path", { "data-partner": partner, d: `M${from}Q${x} ${y - rise} ${to}`, fill: "none", style: `stroke:${CHOSEN}`, "stroke-width": 2, "stroke-dasharray": "3 5" }));
    }
    lit.replaceChildren(...own.map((name) => path(layout.boundaries[name], { "data-lit": name, style: `stroke:${CHOSEN}`, "stroke-width": 4, opacity: 0.75 })), ...joined);
    const marked = [...new Set([current, partner])];
    const large = marked.filter((index) => placed[index]).map((index) => label(placed[index], index, 14, 11, -1));
    for (const { node: small, index, box } of indices) small.style.visibility = marked.includes(index) || large.some((other) => overlap(other.box, box)) ? "hidden" : "";
    top.replaceChildren(...large.map((other) => other.node),
      ...marked.map((index) => dot(index, index === current ? 9 : 7, `fill:none;stroke:${CHOSEN}`, { "stroke-width": index === current ? 3 : 2, "data-ring": index })));
    svg.setAttribute("aria-label", `The ${points.length} landmarks of ${layout.name} on a face; landmark ${current}, ${points[current]}, is marked`);

    range.max = last;
    if (range.valueAsNumber !== chosen(layout)) range.value = chosen(layout);
    range.setAttribute("aria-valuetext", `${chosen(layout)}, ${points[chosen(layout)]}`);
    stepper.querySelector("output").textContent = chosen(layout);
    tabs.forEach((tab, index) => tab.setAttribute("aria-pressed", String(layouts[index] === layout)));
    regions.forEach((choice, index) => choice.setAttribute("aria-pressed", String(index === region)));

    heading.textContent = `${current}: ${points[current]}`;
    lengths.replaceChildren(...normalizers(layout).map(({ kind, length }) => element("li", {}, `${kind} ${format(length)} px`)));
    say(summary, describe(layout, current));
    numbers.update();
  }

  const again = () => timed(el, draw);
  return redraw(model, el, Object.keys(LIMITS), draw);
}

// Normalisers that have an end at this point, or in a mean that it has a share in.
const endsOf = (layout, index) => Object.keys(layout.eyes).filter((kind) => layout.eyes[kind].flat().includes(index));

// The whole face shows a face: not only the middle of it, enlarged, where a layout has a few points there.
function widened({ left, right, top, bottom }) {
  const least = 0.6 * SIDE, wide = Math.max(0, least - (right - left)) / 2, high = Math.max(0, least - (bottom - top)) / 2;
  return { left: left - wide, right: right + wide, top: top - high, bottom: bottom + high };
}

const overlap = (a, b) => a.left < b.right && a.right > b.left && a.top < b.bottom && a.bottom > b.top;

// An index beside its point at [x, y]: `place` -1 above it, 1 below, 2 right, -2 left.
function label([x, y], index, size, gap, place) {
  const width = String(index).length * size * 0.6, height = size * 0.75;
  const left = place === 2 ? x + gap : place === -2 ? x - gap - width : x - width / 2;
  const top = place === -1 ? y - gap - height : place === 1 ? y + gap : y - height / 2;
  const box = { left, top, right: left + width, bottom: top + height };
  const style = `font-size:${size}px;font-weight:${size > 10 ? 700 : 400};paint-order:stroke;stroke:var(--aw-panel);stroke-width:3px`;
  return { index, box, get node() { return this.made ??= element("svg:text", { x: left, y: box.bottom, "data-label": index, style }, String(index)); } };
}

// The indices of all points in view, each on whichever side is free and left out where none is.
function labels(screen, width, height) {
  const taken = screen.filter(Boolean).map(([x, y]) => ({ left: x - 4, right: x + 4, top: y - 4, bottom: y + 4 })), made = [];
  const free = ({ box }) => box.left >= 0 && box.right <= width && box.top >= 0 && box.bottom <= height && !taken.some((other) => overlap(other, box));
  screen.forEach((place, index) => {
    const found = place && [-1, 1, 2, -2].map((side) => label(place, index, 10, 5, side)).find(free);
    if (!found) return;
    taken.push(found.box);
    made.push(found);
  });
  return made;
}

function describe(layout, index) {
  const partner = layout.mirror[index], curves = curvesOf(layout, index), ends = endsOf(layout, index);
  const mirrored = partner === index ? "stays where it is when the face is flipped" : `changes places with ${partner}, ${layout.points[partner]}, when the face is flipped`;
  const bounds = curves.length ? `lies on ${curves.length > 1 ? "the curves" : "the curve"} ${listed(curves)}` : "lies on no boundary curve";
  const measures = ends.length ? ` It marks an end of the ${listed(ends)} distance.` : "";
  return `Landmark ${index} of ${layout.name}, ${layout.points[index]}, ${mirrored}, and ${bounds}.${measures}`;
}

const listed = (names) => [names.slice(0, -1).join(", "), names.at(-1)].filter(Boolean).join(" and ");

export default { render };
