r"""Landmarks to the boundary heatmap: the curves of a face, drawn for a whole batch at once.

Through the landmarks of each run of a layout goes a cubic spline; a pixel at distance ``d`` from the nearest curve
gets ``exp(-d^2 / (2 sigma^2))``, so curves merge by the maximum. Three steps, each for all faces and runs together:

1. :func:`curves` solves for the splines: one cubic from each point to the next.
2. :func:`nearest_on_curves` finds how far each pixel is from the curves, and which point of which cubic is nearest.
3. Where a gradient is wanted, the distance to that point is taken once more, on the cubic itself. As the distance has
   a minimum there, where on the curve the point lies need not be differentiated.
"""

import torch
from torch import Tensor

from awing_lib.arguments import number_above
from awing_lib.heatmaps import check_landmarks, check_size
from awing_lib.layouts import LandmarkLayout

MERGED = 1e-3
"""Neighbours on a curve closer than this, in pixels, count as one point."""
_CUTOFF = 3.0  # in sigmas, as the official code
_SAG = 0.1  # how far, in pixels, a piece of a curve may leave the straight line between its ends
_SQUARE = 4  # side of the squares of pixels that a piece is tried on
_CHUNK = 6000  # squares tried at once: few enough for a cache, and memory does not grow with wild landmarks


def render_boundaries(
    landmarks: Tensor, layout: LandmarkLayout, size: int | tuple[int, int], sigma: float = 1.0
) -> Tensor:
    """The boundary heatmap, all curves of the layout in one channel (section 5 of the paper).

    Each curve is the interpolating spline that the official code takes: degree 3 (2 through three points, 1 through
    two), chord length as parameter, "not-a-knot" ends. That code rounds landmarks down to whole pixels and draws black
    lines first; here both stay exact.

    Args:
        landmarks: (..., L, 2), x and y in pixels of the map, any floating dtype; they may lie outside the map. A curve
            passes over those that are NaN or infinite, and neighbours closer than a thousandth of a pixel are one
            point; with fewer than two left it is not drawn, unless it has shrunk to a point: that is a dot.
            Coordinates count up to 100000 pixels.
        layout: whose ``boundaries`` are drawn; none give an empty map.
        size: height and width of the map, or one number for both.
        sigma: standard deviation in pixels, > 0. From 3 sigma on, pixels are 0.

    Returns:
        (..., 1, H, W) of the dtype of ``landmarks``, values in [0, 1], differentiable in the landmarks.

    Raises:
        ValueError: names the bad argument.

    Example:
        >>> from awing_lib.layouts import LandmarkLayout
        >>> layout = LandmarkLayout("line", ("start", "end"), (), {"line": (0, 1)})
        >>> render_boundaries(torch.tensor([[1.0, 1.0], [2.0, 1.0]]), layout, (3, 4))
        tensor([[[0.3679, 0.6065, 0.6065, 0.3679],
                 [0.6065, 1.0000, 1.0000, 0.6065],
                 [0.3679, 0.6065, 0.6065, 0.3679]]])
    """
    if not isinstance(layout, LandmarkLayout):
        raise ValueError(f"layout must be a LandmarkLayout, got {type(layout).__name__}")
    check_landmarks(landmarks, layout.count)
    sigma = number_above("sigma", sigma)
    height, width = check_size(size)
    faces = landmarks.reshape(-1, layout.count, 2)  # (N, L, 2)
    if not layout.boundaries or not len(faces):
        return landmarks.new_zeros(*landmarks.shape[:-2], 1, height, width)
    reach = _CUTOFF * sigma
    cubics, drawn = curves(faces, layout)  # (4, 2, S, N), (S, N)
    cubics = cubics.to(torch.promote_types(landmarks.dtype, torch.float32))
    search = _nearest_on_curves_op if torch.compiler.is_compiling() else nearest_on_curves
    nearest = search(cubics.detach(), drawn, height, width, reach)  # (N, H * W)
    squared = squared_distance(nearest).to(cubics.dtype)
    near = squared < reach**2
    if cubics.requires_grad:
        place, time = place_on_curves(nearest, len(drawn))
        place = place.where(near, 0) * len(faces) + torch.arange(len(faces), device=faces.device)[:, None]
        c0, c1, c2, c3 = cubics.flatten(2)[:, :, place]  # (2, N, H * W) each
        pixel = torch.arange(height * width, device=faces.device)
        pixel = torch.stack([pixel % width, pixel // width])[:, None]  # (2, 1, H * W)
        squared = (_power_series(time.to(cubics.dtype), c3, c2, c1, c0) - pixel).square().sum(0)
    maps = torch.exp(squared * (-0.5 / sigma**2)).where(near, 0.0)
    return maps.reshape(*landmarks.shape[:-2], 1, height, width).to(landmarks.dtype)


def curves(landmarks: Tensor, layout: LandmarkLayout) -> tuple[Tensor, Tensor]:
    """The boundary curves as cubics, one from each point of a curve to the next.

    Args:
        landmarks: (N, L, 2), any unit.
        layout: at least one of its ``boundaries`` is there.

    Returns:
        Coefficients (4, 2, S, N) float64: the curve at t in [0, 1] is ``c0 + c1 t + c2 t^2 + c3 t^3``, each an x and a
        y; and (S, N) bool, whether this cubic is there. The S points of all curves stand one after the other; the
        last of each has no next one, and points that are left out leave fewer.
    """
    runs = list(layout.boundaries.values())
    slots = [
        number
        for run, points in enumerate(runs)
        for place, point in enumerate(points)
        for number in (point, run, place)
    ]  # in one row, as nested lists are slow to read
    index, run, place = torch.tensor(slots, device=landmarks.device).view(-1, 3).T[..., None]  # (S, 1) each
    # float64, as spacings that differ a thousandfold lose the digits of float32; these are a few hundred numbers
    points = landmarks.index_select(1, index[:, 0]).permute(2, 1, 0).double()  # (2, S, N)
    marked = points.isfinite().all(0)  # (S, N)
    points, count = _to_front(points.where(marked, 0.0).clamp(-1e5, 1e5), marked, run)
    apart = (points - points.roll(1, 1)).detach().square().sum(0) > MERGED**2
    points, distinct = _to_front(points, (apart | (place == 0)) & (place < count), run)
    # several points in one place are a dot: a cubic that stays where it is
    drawn = (place < distinct - 1) | ((place == 0) & (count > 1) & (distinct == 1))
    return _spline(points, place, distinct, max(map(len, runs))), drawn


def _to_front(points: Tensor, kept: Tensor, run: Tensor) -> tuple[Tensor, Tensor]:
    """Points (2, S, N), in each run those to keep (S, N) first, and, for each point, how many its run keeps (S, N)."""
    order = (2 * run + (~kept).long()).argsort(dim=0, stable=True)
    count = torch.zeros_like(order).index_add_(0, run[:, 0], kept.long()).index_select(0, run[:, 0])
    return points.gather(1, order.expand_as(points)), count


def _spline(points: Tensor, place: Tensor, count: Tensor, longest: int) -> Tensor:
    """Coefficients (4, 2, S, N) of the splines through points (2, S, N).

    ``place`` (S, 1) is a point's place on its curve. The first ``count`` (S, N) are used, ``longest`` at most.

    The unknowns are the slopes ``d`` at the points. With spacings ``h`` and divided differences ``s``, continuity of
    the second derivative says ``h[i] d[i-1] + 2 (h[i-1] + h[i]) d[i] + h[i-1] d[i+1] = 3 (h[i] s[i-1] + h[i-1] s[i])``.
    At either end, continuity of the third derivative at the next point ties the end's slope to that of its neighbour,
    for instance ``h[1] d[0] + (h[0] + h[1]) d[1] = e[1]``. Taken from the neighbour's row, that leaves a system that is
    diagonally dominant.
    """
    between = place < count - 1  # (S, N): there is a next point
    inner = between & (place > 0)
    first, last, lone = inner & (place == 1), inner & (place == count - 2), inner & (count == 3)
    step = (points.roll(-1, 1) - points).where(between, 0.0)  # (2, S, N)
    h = step.square().sum(0).where(between, 1.0).sqrt()  # (S, N); never 0, where its gradient is not finite
    s = step / h
    h0, s0 = h.roll(1, 0), s.roll(1, 1)
    both = h0 + h
    start = ((3 * h0 + 2 * h) * h * s0 + h0.square() * s) / both
    end = (h.square() * s0 + (3 * h + 2 * h0) * h0 * s) / both
    mixed = h * s0 + h0 * s
    right = 3 * mixed - start.where(first, 0.0) - end.where(last, 0.0)
    right = right.where(~lone, mixed).where(inner, 0.0)  # three points: a parabola
    diagonal = (both * (2 - first.to(h.dtype) - last.to(h.dtype) + lone.to(h.dtype))).where(inner, 1.0)
    d = _solve_tridiagonal(h.where(inner & ~first, 0.0), diagonal, h0.where(inner & ~last, 0.0), right, longest)
    curved = count > 2  # through two points goes a straight line
    start = ((start - both * d) / h).roll(-1, 1).where(curved, s)
    end = ((end - both * d) / h0).roll(1, 1).where(curved, s0)
    d = d.where(place > 0, start).where((place != count - 1) | (place == 0), end)
    before, after = (h * d).where(between, 0.0), (h * d.roll(-1, 1)).where(between, 0.0)
    return torch.stack([points, before, 3 * step - 2 * before - after, before + after - 2 * step])


def _solve_tridiagonal(lower: Tensor, diagonal: Tensor, upper: Tensor, right: Tensor, longest: int) -> Tensor:
    """Cyclic reduction: each round couples rows twice as far apart as the one before, until none are.

    Args:
        lower, diagonal, upper: (S, N), diagonally dominant. Not more than ``longest - 2`` rows hang together: ``lower``
            is 0 in the first of them, ``upper`` in the last, so that it does not matter what follows, or to go round.
        right: (2, S, N).

    Returns:
        (2, S, N)
    """
    # each row says d = lower d_above + upper d_below + right
    rows = torch.cat([torch.stack([-lower, -upper]), right]) / diagonal  # (4, S, N)
    reach = 1
    while reach < longest - 2:
        # the same rows for d_above and d_below put in
        above = rows[0] * rows.roll(reach, 1)
        below = rows[1] * rows.roll(-reach, 1)
        known = rows[2:] + above[2:] + below[2:]
        rows = torch.cat([above[:1], below[1:2], known]) / (1 - above[1] - below[0])
        reach *= 2
    return rows[2:]


@torch.no_grad()
def nearest_on_curves(cubics: Tensor, drawn: Tensor, height: int, width: int, reach: float) -> Tensor:
    """For each pixel the nearest point of the curves.

    The cubics are cut into pieces that are almost straight. Each piece is tried on the pixels that it may reach, square
    by square, and each pixel keeps the nearest.

    Args:
        cubics: (4, 2, S, N) coefficients, as :func:`curves` gives them.
        drawn: (S, N) bool, which of them exist.
        height: of the map.
        width: of the map.
        reach: distance in pixels beyond which a curve does not matter.

    Returns:
        (N, H * W) int64, to be read by :func:`squared_distance` and :func:`place_on_curves`.
    """
    (places, faces), device = drawn.shape, cubics.device
    pieces, owner, begin, share = _cut(cubics, drawn)  # (4, 2, P), (P,) each
    tried, corner = _squares(pieces, height, width, reach + _SAG)  # (T,), (2, T)
    # maps that are larger on the right and below, where squares may stick out
    stride = width + _SQUARE - 1
    size = (height + _SQUARE - 1) * stride
    best = torch.full((faces * size,), torch.inf, dtype=torch.float64, device=device).view(torch.int64)
    first = (owner % faces)[tried] * size + corner[1] * stride + corner[0]  # (T,), where in them a square begins
    offset = torch.arange(_SQUARE, device=device)
    pixel = (offset[:, None] * stride + offset).flatten()[:, None]  # (B * B, 1)
    steps = _steps(places)
    label = (owner // faces * steps).int()
    table = torch.cat([pieces.flatten(0, 1), (begin * (steps - 1))[None], (share * (steps - 1))[None]])  # (10, P)
    for piece, start, square in zip(tried.split(_CHUNK), first.split(_CHUNK), corner.split(_CHUNK, 1), strict=True):
        numbers = table.index_select(1, piece)
        t, squared = _closest(numbers[:8].unflatten(0, (4, 2)), square)  # (B, B, T) each
        code = torch.addcmul(numbers[8], t, numbers[9]).int().add_(label[piece])
        code = squared.float().double().view(torch.int64).bitwise_or_(code)
        best.scatter_reduce_(0, (pixel + start).flatten(), code.flatten(), "amin")
    return best.view(faces, -1, stride)[:, :height, :width].flatten(1)


# The nearest point as one number, so that the nearest of many is the least of them: a double whose first digits are the
# squared distance, a float. The 29 bits that a float leaves empty name the cubic and its t.
def _steps(places: int) -> int:
    """How finely these bits tell t. The first of them stays 0, for reading a float rounds; 20 are enough for t."""
    return 1 << min(20, 28 - places.bit_length())


def squared_distance(nearest: Tensor) -> Tensor:
    """(...) float32: squares of the distances that :func:`nearest_on_curves` found, infinite where it found none."""
    return nearest.view(torch.float64).float()


def place_on_curves(nearest: Tensor, places: int) -> tuple[Tensor, Tensor]:
    """Which of S = ``places`` cubics :func:`nearest_on_curves` found, and t there: (...) int64, (...) float64."""
    label, steps = nearest & ((1 << 29) - 1), _steps(places)
    return label // steps, (label % steps).double() / (steps - 1)


def _cut(cubics: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Cubics (4, 2, S, N) cut into pieces: coefficients (4, 2, P) of each over its own t in [0, 1]; the index of the
    cubic that it is cut from, in S * N; and where on it the piece begins, and what share of it is the piece, (P,) each.
    """
    # bent by b, a piece leaves its chord by b / 8; cut in n, it is bent by b / n^2
    bend = torch.stack([cubics[2], cubics[2] + 3 * cubics[3]]).square().sum(1).amax(0).sqrt()  # (S, N)
    count = (bend / (4 * _SAG)).sqrt().ceil().clamp(1, 256).long().where(drawn, 0).flatten()
    owner, number = _repeat(count)  # (P,) each
    share = 1 / count[owner].to(cubics.dtype)
    begin = number * share
    c0, c1, c2, c3 = cubics.reshape(8, -1).index_select(1, owner).unflatten(0, (4, 2))  # (2, P) each
    slope, turn = (3 * c3 * begin + 2 * c2) * begin + c1, 3 * c3 * begin + c2
    pieces = [_power_series(begin, c3, c2, c1, c0), slope * share, turn * share**2, c3 * share**3]
    return torch.stack(pieces), owner, begin, share


def _squares(pieces: Tensor, height: int, width: int, reach: float) -> tuple[Tensor, Tensor]:
    """Squares of pixels that cover what pieces (4, 2, P) may reach: each one's piece (T,), and its corner (2, T)."""
    start, chord = pieces[0], pieces[1:].sum(0)  # (2, P) each
    last = torch.tensor([[width - 1], [height - 1]], device=pieces.device)
    last = (start + chord.clamp(min=0) + reach).floor().minimum(last)
    first = (start + chord.clamp(max=0) - reach).ceil().clamp(min=0)
    columns, rows = ((last - first + _SQUARE) / _SQUARE).clamp(min=0).long()  # (P,) each
    piece, number = _repeat(columns * rows)  # (T,) each
    columns = columns[piece]
    down = number // columns
    return piece, torch.stack([number - down * columns, down]) * _SQUARE + first.long().index_select(1, piece)


def _closest(pieces: Tensor, corner: Tensor) -> tuple[Tensor, Tensor]:
    """From each pixel of squares the nearest point of a piece.

    Args:
        pieces: (4, 2, T) coefficients, one piece for each square.
        corner: (2, T), the top left pixels of the squares.

    Returns:
        (B, B, T) each: t there, and the square of the distance. The long axis is the last, as it is the fast one.
    """
    chord = pieces[1:].sum(0)
    along_x, along_y = chord / chord.square().sum(0).clamp(min=1e-12)
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = pieces
    offset = torch.arange(_SQUARE, device=corner.device)
    x0, y0 = x0 - corner[0] - offset[:, None], y0 - corner[1] - offset[:, None, None]  # from the pixel to the start
    t = torch.addcmul(x0 * along_x, y0, along_y).neg_().clamp_(0, 1)  # where the straight line is nearest
    # one Newton step to where (curve - pixel) and the tangent are at right angles
    x, y = _power_series(t, x3, x2, x1, x0), _power_series(t, y3, y2, y1, y0)
    x_slope, y_slope = _power_series(t, 3 * x3, 2 * x2, x1), _power_series(t, 3 * y3, 2 * y2, y1)
    error = (x * x_slope).addcmul_(y, y_slope)
    slope = x_slope.square_().addcmul_(y_slope, y_slope)
    slope.addcmul_(x, 3 * x3 + 2 * x2).addcmul_(y, 3 * y3 + 2 * y2)  # bent as in the middle of the piece
    t.sub_(error.div_(slope.clamp_(min=1e-12))).clamp_(0, 1)
    x, y = _power_series(t, x3, x2, x1, x0), _power_series(t, y3, y2, y1, y0)
    return t, x.square_().addcmul_(y, y)


def _repeat(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Each index as often as ``counts`` (K,) says, and next to it 0, 1, ..., both (sum of counts,)."""
    index = torch.repeat_interleave(counts)
    return index, torch.arange(len(index), device=counts.device) - (counts.cumsum(0) - counts)[index]


def _power_series(t: Tensor, highest: Tensor, *others: Tensor) -> Tensor:
    """Value at t of the polynomial with these coefficients, the constant one last."""
    value = highest
    for coefficient in others:
        value = torch.addcmul(coefficient, value, t)
    return value


# The search has sizes that depend on the data, which a compiler would have to break off for: to it, it is one operator.
# Only to it, as the first call of an operator made in Python loads the whole compiler.
_nearest_on_curves_op = torch.library.custom_op("awing::nearest_on_curves", nearest_on_curves, mutates_args=())


@_nearest_on_curves_op.register_fake
def _(cubics, drawn, height, width, reach):
    return drawn.new_empty((drawn.shape[1], height * width), dtype=torch.int64)
