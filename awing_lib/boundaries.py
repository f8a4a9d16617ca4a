r"""Landmarks to the boundary heatmap: the curves of a face, drawn for a whole batch at once.

Through the landmarks of each run of a layout goes a cubic spline; a pixel at distance ``d`` from the nearest curve
gets ``exp(-d^2 / (2 sigma^2))``, so curves merge by the maximum. The spline is solved for all faces and runs together.
Which point of which curve is nearest to a pixel is found without gradient, from straight pieces that follow the curves
and a Newton step from there; the distance to that point is then taken on the spline itself. As the distance has a
minimum there, where on the curve the point lies need not be differentiated.
"""

import torch
from torch import Tensor

from awing_lib.heatmaps import check_landmarks, check_positive, check_size
from awing_lib.layouts import LandmarkLayout

MERGED = 1e-3
"""Neighbours on a curve closer than this, in pixels, count as one point."""
_CUTOFF = 3.0  # in sigmas, as the official code
_SAG = 0.05  # how far, in pixels, a straight piece may leave its curve; only the search for the nearest point uses it
_SQUARE = 4  # side of the squares of pixels that a piece is tried on
_CHUNK = 1 << 12  # squares tried at once: few enough for a cache, and memory does not grow with wild landmarks
_NONE, _PIECE = torch.iinfo(torch.int64).max, (1 << 29) - 1  # a double has 29 bits more than a float


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
    check_landmarks(landmarks, layout.count)
    check_positive("sigma", sigma)
    height, width = check_size(size)
    faces = landmarks.reshape(-1, layout.count, 2)  # (N, L, 2)
    dtype = torch.promote_types(landmarks.dtype, torch.float32)
    maps = faces.new_zeros(len(faces), height * width)
    if layout.boundaries and len(faces):
        cubics, drawn = curves(faces, layout)  # (4, 2, N, S), (N, S)
        cubics = cubics.to(dtype)
        search = _nearest_on_curves_op if torch.compiler.is_compiling() else nearest_on_curves
        nearest, time = search(cubics.detach(), drawn, height, width, float(_CUTOFF * sigma))  # (N, H * W) each
        cubic = cubics.gather(-1, nearest.clamp(min=0).expand(4, 2, -1, -1))  # (4, 2, N, H * W)
        x, y = _power_series(cubic, time)  # (N, H * W) each
        pixel = torch.arange(height * width, device=faces.device)
        squared = (x - pixel % width).square() + (y - torch.div(pixel, width, rounding_mode="floor")).square()
        limit = (_CUTOFF * sigma) ** 2
        maps = torch.exp(squared.clamp(max=limit) * (-0.5 / sigma**2)).where((nearest >= 0) & (squared < limit), 0.0)
    return maps.reshape(*landmarks.shape[:-2], 1, height, width).to(landmarks.dtype)


def curves(landmarks: Tensor, layout: LandmarkLayout) -> tuple[Tensor, Tensor]:
    """The boundary curves as cubics, one from each point of a curve to the next.

    Args:
        landmarks: (N, L, 2), any unit.
        layout: at least one of its ``boundaries`` is there.

    Returns:
        Coefficients (4, 2, N, S) float64: the curve at t in [0, 1] is ``c0 + c1 t + c2 t^2 + c3 t^3``, each an x and a
        y; and (N, S) bool, whether this cubic is there. The S points of all curves stand one after the other; the
        last of each has no next one, and points that are left out leave fewer.
    """
    runs, device = list(layout.boundaries.values()), landmarks.device
    index = torch.tensor([point for run in runs for point in run], device=device)  # (S,)
    run = torch.tensor([r for r, run in enumerate(runs) for _ in run], device=device)[:, None]  # (S, 1)
    place = torch.tensor([k for run in runs for k in range(len(run))], device=device)[:, None]
    longest = max(map(len, runs))
    marked = landmarks.isfinite().all(-1, keepdim=True)
    # float64, as spacings that differ a thousandfold lose the digits of float32; these are a few hundred numbers
    points = landmarks.where(marked, 0.0).double().clamp(-1e5, 1e5)[:, index].permute(2, 1, 0)  # (2, S, N)
    points, count = _to_front(points, marked[:, index, 0].T, run)
    apart = (points - points.roll(1, 1)).detach().square().sum(0) > MERGED**2
    points, distinct = _to_front(points, (apart | (place == 0)) & (place < count), run)
    # several points in one place are a dot: a cubic that stays where it is
    drawn = (place < distinct - 1) | ((place == 0) & (count > 1) & (distinct == 1))  # (S, N)
    return _spline(points, place, distinct, longest).transpose(2, 3), drawn.T


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
    rows = torch.cat([torch.stack([-lower, -upper]), right]) / diagonal  # (4, S, N): the diagonal is 1
    reach = 1
    while reach < longest - 2:
        above, below = rows.roll(reach, 1), rows.roll(-reach, 1)
        ends = torch.stack([rows[0] * above[0], rows[1] * below[1]])
        solved = rows[2:] + rows[0] * above[2:] + rows[1] * below[2:]
        rows = torch.cat([ends, solved]) / (1 - rows[0] * above[1] - rows[1] * below[0])
        reach *= 2
    return rows[2:]


@torch.no_grad()
def nearest_on_curves(cubics: Tensor, drawn: Tensor, height: int, width: int, reach: float) -> tuple[Tensor, Tensor]:
    """For each pixel the nearest point of the curves.

    Args:
        cubics: (4, 2, N, S) coefficients, as :func:`curves` gives them.
        drawn: (N, S) bool, which of them exist.
        height: of the map.
        width: of the map.
        reach: distance in pixels beyond which a curve does not matter.

    Returns:
        (N, H * W) int64, the cubic with the nearest point, -1 where none is in reach; (N, H * W), its t there.
    """
    (faces, stretches), device = drawn.shape, cubics.device
    # straight pieces: so many that none leaves its curve by more than _SAG (bent by b, it leaves it by b / 8)
    bend = torch.stack([cubics[2], cubics[2] + 3 * cubics[3]]).square().sum(1).amax(0).sqrt()  # (N, S)
    pieces = (bend / (4 * _SAG)).sqrt().ceil().clamp(1, 256).long().where(drawn, 0).flatten()  # (N * S,)
    stretch = torch.repeat_interleave(pieces)  # (P,), the cubic that each piece belongs to
    share = 1 / pieces[stretch].to(cubics.dtype)
    begin = (torch.arange(len(stretch), device=device) - (pieces.cumsum(0) - pieces)[stretch]) * share
    times = torch.stack([begin, begin + share])  # (2, P)
    x, y = _power_series(cubics.flatten(-2)[..., stretch][:, :, None], times)  # (2, P) each
    along = torch.stack([x[1] - x[0], y[1] - y[0]])  # (2, P)
    over = along / along.square().sum(0).clamp(min=1e-12)
    # squares of pixels cover what a piece may reach: so many columns and rows of squares, from a first pixel on
    corners, spreads = [], []
    for ends, side in ((x, width), (y, height)):
        first = (ends.amin(0) - reach - _SAG).ceil().clamp(min=0)
        last = (ends.amax(0) + reach + _SAG).floor().clamp(max=side - 1)
        corners.append(first)
        spreads.append(((last - first + _SQUARE) / _SQUARE).floor().clamp(min=0).long())
    tries = spreads[0] * spreads[1]
    piece = torch.repeat_interleave(tries)  # (T,), one for each piece and square
    number = torch.arange(len(piece), device=device) - (tries.cumsum(0) - tries)[piece]
    columns = spreads[0][piece]
    left = corners[0][piece] + _SQUARE * (number % columns)
    top = corners[1][piece] + _SQUARE * torch.div(number, columns, rounding_mode="floor")
    # the nearest piece and its distance as one number: the bits of a double grow with it, and those that a float leaves
    # empty name the piece. Squares may stick out of the map, on the right and below
    row_length = width + _SQUARE - 1
    best = torch.full((faces * (height + _SQUARE - 1) * row_length,), _NONE, device=device)
    origin = torch.div(stretch, stretches, rounding_mode="floor")[piece] * ((height + _SQUARE - 1) * row_length)
    origin += (top * row_length + left).long()
    offset = torch.arange(_SQUARE, device=device)
    beside, down = offset[:, None].to(x.dtype), offset[:, None, None].to(x.dtype)
    pixel = (offset[:, None] * row_length + offset).flatten()[:, None]  # (B * B, 1)
    for p, i, dx, dy in zip(
        *(each.split(_CHUNK) for each in (piece, origin, left - x[0][piece], top - y[0][piece])), strict=True
    ):
        (ax, ay), (over_x, over_y) = along.index_select(1, p), over.index_select(1, p)
        dx, dy = dx + beside, dy + down  # (B, T), (B, 1, T): the long axis last, as it is the fast one
        t = (dx * over_x + dy * over_y).clamp_(0, 1)  # (B, B, T)
        distance = (dx - t * ax).square_().add_((dy - t * ay).square_())
        key = distance.float().double().view(torch.int64).bitwise_or_(p)
        best.scatter_reduce_(0, (pixel + i).flatten(), key.flatten(), "amin")
    best = best.unflatten(0, (faces, -1, row_length))[:, :height, :width].flatten()  # (N * H * W,)
    nearest, time = torch.full_like(best, -1), torch.zeros_like(best, dtype=cubics.dtype)
    met = (best != _NONE).nonzero()[:, 0]
    piece, pixel = best[met] & _PIECE, met % (height * width)
    dx, dy = pixel % width - x[0][piece], torch.div(pixel, width, rounding_mode="floor") - y[0][piece]
    t = begin[piece] + (dx * over[0][piece] + dy * over[1][piece]).clamp_(0, 1) * share[piece]
    # one Newton step to where the curve itself is nearest: there (curve - pixel) and the tangent are at right angles
    c0, c1, c2, c3 = cubics.flatten(-2).index_select(2, stretch[piece]).unbind()  # (2, M) each
    away = _power_series((c0, c1, c2, c3), t) - torch.stack(
        [pixel % width, torch.div(pixel, width, rounding_mode="floor")]
    )
    tangent, turn = (3 * c3 * t + 2 * c2) * t + c1, 6 * c3 * t + 2 * c2
    slope = (tangent.square() + away * turn).sum(0)
    step = (away * tangent).sum(0) / slope.clamp(min=1e-12)
    t -= step.where(slope > 0, 0.0).clamp(-share[piece], share[piece])
    nearest[met], time[met] = stretch[piece] % stretches, t.clamp_(0, 1)
    return nearest.view(faces, -1), time.view(faces, -1)


# The search has sizes that depend on the data, which a compiler would have to break off for: to it, it is one operator.
# Only to it, as the first call of an operator made in Python loads the whole compiler.
_nearest_on_curves_op = torch.library.custom_op("awing::nearest_on_curves", nearest_on_curves, mutates_args=())


@_nearest_on_curves_op.register_fake
def _(cubics, drawn, height, width, reach):
    shape = (len(drawn), height * width)
    return drawn.new_empty(shape, dtype=torch.int64), cubics.new_empty(shape)


def _power_series(cubics: Tensor, time: Tensor) -> Tensor:
    """Points (2, ...) of the cubics (4, 2, ...) at times (...)."""
    c0, c1, c2, c3 = cubics
    return ((c3 * time + c2) * time + c1) * time + c0
