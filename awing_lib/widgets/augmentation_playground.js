// The augmentation playground: a face and its landmarks under one affine matrix, and a flip that forgets the indices.
// The numbers first (pure functions, held to the Python library by a test), the drawing after them.

export const SIDE = 256; // pixels of the crop
const EYES = [60, 72]; // outer eye corners, whose distance NME is divided by
const NAMED = [60, 72, 33, 46, 76, 82, 54, 16]; // a few points for the table: eyes, brows, mouth, nose tip, chin
const MISTAKE = 0.5; // pixels: nearer to its right place an index is not a mistake

// Warp.matrix of awing_lib.transforms, [[a, b, c], [d, e, f]]: rotation (degrees, counter-clockwise as one sees it) and
// rescaling about the centre, then the shift, and the flip last.
export function warpMatrix({ rotation, scale: zoom, right, down, flip }, size = SIDE) {
  const middle = (size - 1) / 2, angle = (rotation * Math.PI) / 180;
  const cosine = zoom * Math.cos(angle), sine = zoom * Math.sin(angle);
  const rows = [
    [cosine, sine, middle + right - (cosine + sine) * middle],
    [-sine, cosine, middle + down - (cosine - sine) * middle],
  ];
  if (flip) rows[0] = [-rows[0][0], -rows[0][1], size - 1 - rows[0][2]];
  return rows;
}

export const mapPoints = ([[a, b, c], [d, e, f]], points) => points.map(([x, y]) => [a * x + b * y + c, d * x + e * y + f]);

// Point i of the flipped face is point mirror[i] of the face.
export const permuted = (points, mirror) => mirror.map((index) => points[index]);

const distance = ([x, y], [u, v]) => Math.hypot(x - u, y - v);

// Normalised mean error, as a share of the distance of the true outer eye corners.
export function nme(predicted, truth) {
  const sum = predicted.reduce((total, point, index) => total + distance(point, truth[index]), 0);
  return sum / predicted.length / distance(truth[EYES[0]], truth[EYES[1]]);
}

// The landmarks as a data loader would give them, and as they should be.
export function landmarksUnder(matrix, landmarks, mirror, { flip, permute }) {
  const moved = mapPoints(matrix, landmarks), truth = flip ? permuted(moved, mirror) : moved;
  return { given: flip && !permute ? moved : truth, truth };
}

// -- drawing ----------------------------------------------------------------------------------------------------------
// Colour and shape follow the index, which says which part of the face a point is. The photo is the same in both
// themes, and so are the colours on it; the dark rim keeps them apart from any skin.

const SIDES = {
  left: { color: "#5cc4ff", label: "left half, by index" },
  right: { color: "#ffb000", label: "right half, by index" },
  middle: { color: "#ffffff", label: "on the midline" },
};
const RIM = "#1b1b1f", WRONG = "#ff3b30";

// A point's path about the origin: disc, square or diamond.
function shape(side, r) {
  if (side === "left") return `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;
  const s = 0.88 * r, t = 1.2 * r;
  return side === "right" ? `M${-s} ${-s}h${2 * s}v${2 * s}h${-2 * s}z` : `M0 ${-t}L${t} 0 0 ${t} ${-t} 0z`;
}

const painted = (side, r) => ({ d: shape(side, r), style: `fill:${SIDES[side].color};stroke:${RIM};stroke-width:${r * 0.25}` });

const RANGES = { rotation: [-50, 50], scale: [0.85, 1.15], right: [-25, 25], down: [-25, 25] };
const START = { rotation: 0, scale: 1, right: 0, down: 0, flip: false, permute: true, indices: false };
const LIMITS = { ...RANGES, flip: [0, 1], permute: [0, 1], indices: [0, 1] };

function render({ model, el }) {
  const landmarks = model.get("landmarks"), names = model.get("points");
  const mirror = landmarks.map((_, index) => index), sides = landmarks.map(() => "middle");
  for (const [left, right] of model.get("mirror_pairs")) {
    [mirror[left], mirror[right]] = [right, left];
    [sides[left], sides[right]] = ["left", "right"];
  }
  const anchor = model.page && anchorOf(el, "augmentation-playground");

  // The view box makes integers pixel centres, as in the library: the first pixel reaches from -0.5 to 0.5.
  const square = { x: -0.5, y: -0.5, width: SIDE, height: SIDE };
  const photo = element("svg:image", { ...square, href: model.get("image"), preserveAspectRatio: "none" });
  const strays = element("svg:g", { style: `stroke:${WRONG};stroke-width:1.2;stroke-dasharray:4 3` });
  const stray = NAMED.filter((index) => sides[index] === "left").map((index) => [index, strays.appendChild(element("svg:line"))]);
  const marks = landmarks.map((_, index) => element("svg:path", { "data-index": index, ...painted(sides[index], 1.9) }));
  const texts = landmarks.map((_, index) => element("svg:text", {
    "data-text": index, "text-anchor": "middle",
    style: `font:${EYES.includes(index) ? "bold 9px" : "5px"} system-ui,sans-serif;fill:#fff;stroke:${RIM};stroke-width:${EYES.includes(index) ? 2 : 1.2};paint-order:stroke`,
  }, String(index)));
  const picture = element("svg:svg", { class: "aw-chart", role: "img", viewBox: `-0.5 -0.5 ${SIDE} ${SIDE}`, style: "width:100%;height:auto;border-radius:4px" },
    element("svg:rect", { ...square, fill: "#000" }), photo, strays, ...marks, ...texts);

  const cells = [0, 1].map(() => [0, 1, 2].map(() => element("td")));
  const matrixTable = element("table", { class: "aw-table", "aria-label": "The matrix" },
    element("thead", {}, element("tr", {}, ...["", "x", "y", "1"].map((head) => element("th", { scope: "col" }, head)))),
    element("tbody", {}, ...["x′", "y′"].map((head, row) => element("tr", {}, element("th", { scope: "row" }, `${head} =`), ...cells[row]))));
  const summary = element("p", { class: "aw-summary", role: "status" });
  const key = element("ul", { class: "aw-legend" }, ...Object.entries(SIDES).map(([side, { label }]) => element("li", {},
    element("svg:svg", { width: 14, height: 14, viewBox: "-7 -7 14 14", "aria-hidden": "true" }, element("svg:path", painted(side, 5))), label)));
  const pixels = (value) => `${format(value)} px`;

  let now; // what is drawn
  const numbers = numbersTable(
    () => ["point", "before", "given", "right"],
    () => NAMED.map((index) => [`${index}, ${names[index]}`, ...[landmarks[index], now.given[index], now.truth[index]].map((point) => point.map((value) => value.toFixed(1).replace("-", "−")).join(", "))]),
  );

  el.append(element("div", { class: "aw aw-augmentation-playground", id: anchor },
    element("div", { class: "aw-columns" },
      element("div", {}, picture),
      element("div", {},
        slider(model, { name: "rotation", label: "rotation", min: -50, max: 50, step: 1, show: (value) => `${format(value)}°` }),
        slider(model, { name: "scale", label: "scale", min: 0.85, max: 1.15, step: 0.01 }),
        slider(model, { name: "right", label: "shift right", min: -25, max: 25, step: 0.5, show: pixels }),
        slider(model, { name: "down", label: "shift down", min: -25, max: 25, step: 0.5, show: pixels }),
        checkbox(model, { name: "flip", label: "flip" }),
        checkbox(model, { name: "permute", label: "permute the indices" }),
        checkbox(model, { name: "indices", label: "show all indices" }),
        button("Reset", () => writeAll(model, START)),
        key, matrixTable)),
    summary, numbers.node,
    settingsLink(model, el, { anchor: "augmentation-playground", call: "AugmentationPlayground", limits: LIMITS })));

  function draw() {
    const s = Object.fromEntries(Object.keys(START).map((name) => [name, model.get(name)]));
    const matrix = warpMatrix(s), { given, truth } = landmarksUnder(matrix, landmarks, mirror, s);
    now = { given, truth };
    const [[a, b, c], [d, e, f]] = matrix;
    photo.setAttribute("transform", `matrix(${[a, d, b, e, c, f].join(" ")})`);
    given.forEach(([x, y], index) => {
      marks[index].setAttribute("transform", `translate(${x.toFixed(2)} ${y.toFixed(2)})`);
      const shown = s.indices || EYES.includes(index);
      texts[index].style.display = shown ? "" : "none";
      if (!shown) return;
      texts[index].setAttribute("x", x.toFixed(2));
      texts[index].setAttribute("y", (y - (EYES.includes(index) ? 6 : 3)).toFixed(2));
    });
    const wrong = given.filter((point, index) => distance(point, truth[index]) > MISTAKE).length;
    for (const [index, line] of stray) {
      line.style.display = wrong ? "" : "none";
      const ends = { x1: given[index][0], y1: given[index][1], x2: truth[index][0], y2: truth[index][1] };
      for (const [name, value] of Object.entries(ends)) line.setAttribute(name, value.toFixed(2));
    }
    matrix.forEach((row, i) => row.forEach((value, j) => { cells[i][j].textContent = value.toFixed(j < 2 ? 3 : 1).replace("-", "−"); }));
    const error = nme(given, truth), outside = given.filter((point) => point.some((value) => value < -0.5 || value >= SIDE - 0.5)).length;
    picture.setAttribute("aria-label", `A drawn face with ${given.length} landmarks after the changes` +
      (wrong ? ": the points for the left half lie on the right half and the other way round" : ": each point lies on its part of the face"));
    say(summary, describe(s, error, wrong, given.length, outside));
    numbers.update();
  }
  return redraw(model, el, Object.keys(START), draw);
}

// The sentence that stands for the picture.
function describe({ rotation, scale: zoom, right, down, flip, permute }, error, wrong, count, outside) {
  const both = [`rotated by ${format(rotation)}°`, `scale ${format(zoom)}`, `shifted by ${format(right)} px and ${format(down)} px`].join(", ");
  const verdict = !flip ? `not flipped: every index is on its part of the face, NME ${(100 * error).toFixed(1)} %`
    : permute ? `flipped, indices permuted: every index is on its part of the face, NME ${(100 * error).toFixed(1)} %`
    : `flipped, indices not permuted: ${wrong} of ${count} indices are on the wrong part of the face, NME ${(100 * error).toFixed(1)} %`;
  const words = `${both}, ${verdict}; ${outside ? `${outside} landmark${outside > 1 ? "s" : ""} outside the crop` : "all landmarks inside the crop"}.`;
  return words[0].toUpperCase() + words.slice(1);
}

export default { render };
