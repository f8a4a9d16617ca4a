"""The layout viewer: the landmarks of a layout on one face, with names, mirror partners, curves and normalisers."""

import base64
from functools import cache

import cv2
import numpy as np
import traitlets

from awing_lib.datasets.synthetic.drawing import draw
from awing_lib.datasets.synthetic.face import Face, Light, Look
from awing_lib.datasets.synthetic.head import IDENTITY, Expression
from awing_lib.datasets.synthetic.photo import Photo
from awing_lib.layouts import LAYOUTS, WFLW_98, LandmarkLayout, LayoutError, convert
from awing_lib.widgets import BookFigure, module


class LayoutViewer(BookFigure):
    """One layout at a time on the neutral synthetic face; any point tells its index, name, mirror partner and curves.

    Args:
        count: number of landmarks, which says which layout is shown.
        point: the chosen landmark, counted from 0; one that the layout does not have becomes its last.
        boundaries: draw the paper's boundary curves, as straight lines from point to point.
        picture: draw the face under the landmarks, if there is one.
        numbers: write each landmark's index beside it where there is room.
        ocular, pupil, box: draw what NME divides by: the distance of the outer eye corners, that of the eye centres,
            the tight box.
        layouts: what can be shown, as :func:`on_face` gives it. None: the four of the paper on the neutral face.
        face: picture of 256x256 pixels under the landmarks, as a ``data:`` address; none with ``layouts`` of your own.

    Raises:
        traitlets.TraitError: a value is out of range, or no layout has this count.
    """

    _esm = module("layout_viewer")
    alternative = (
        "Interactive figure: the points of a landmark layout on a face, with index, name, mirror partner, boundary "
        "curves and the distances that errors are divided by. It needs JavaScript."
    )
    layouts = traitlets.List(traitlets.Dict()).tag(sync=True)
    face = traitlets.Unicode("").tag(sync=True)
    count = traitlets.Int(98, min=1).tag(sync=True)
    point = traitlets.Int(60, min=0).tag(sync=True)
    boundaries = traitlets.Bool(True).tag(sync=True)
    picture = traitlets.Bool(True).tag(sync=True)
    numbers = traitlets.Bool(True).tag(sync=True)
    ocular = traitlets.Bool(True).tag(sync=True)
    pupil = traitlets.Bool(False).tag(sync=True)
    box = traitlets.Bool(False).tag(sync=True)

    def __init__(self, count: int | None = None, *, layouts: list[dict] | None = None, **settings: object) -> None:
        if layouts is None:
            layouts = [on_face(layout, convert(neutral_face(), WFLW_98, layout)) for layout in LAYOUTS.values()]
            settings.setdefault("face", neutral_picture())
        super().__init__(layouts=layouts, count=len(layouts[0]["points"]) if count is None else count, **settings)

    @traitlets.validate("count")
    def _known(self, proposal: dict) -> int:
        counts = [len(layout["points"]) for layout in self.layouts]
        if counts and proposal["value"] not in counts:
            raise traitlets.TraitError(f"count must be one of {counts}, not {proposal['value']}")
        return proposal["value"]


def on_face(layout: LandmarkLayout, landmarks: np.ndarray) -> dict:
    """A layout and the landmarks (L, 2) that it has on one face, in pixels, as the viewer takes them.

    Raises:
        LayoutError: there are other than L landmarks, or one is not a finite number.
    """
    positions = np.asarray(landmarks, float)
    if positions.shape != (layout.count, 2) or not np.isfinite(positions).all():
        raise LayoutError(
            f"layout {layout.name!r}: expected finite landmarks ({layout.count}, 2), got {positions.shape}"
        )
    return {**layout.to_dict(), "mirror": list(layout.mirror), "positions": positions.round(2).tolist()}


def neutral_face() -> np.ndarray:
    """WFLW landmarks (98, 2), pixels, of the neutral synthetic face, seen from straight ahead in 256x256 pixels."""
    return _neutral()[1].astype(float)


def neutral_picture() -> str:
    """The picture that belongs to :func:`neutral_face`, as a ``data:`` address."""
    _, jpeg = cv2.imencode(".jpg", _neutral()[0][..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode()


@cache
def _neutral() -> tuple[np.ndarray, np.ndarray]:
    """Picture (256, 256, 3) uint8 and landmarks (98, 2) of a face without identity, expression, pose or ornament."""
    skin, hair, iris, shirt = np.array([(0.75, 0.55, 0.43), (0.22, 0.15, 0.10), (0.22, 0.13, 0.07), (0.20, 0.33, 0.42)])
    look = Look(
        skin=skin, hair=hair, iris=iris, cloth=shirt, wear=shirt, age=0.2, haircut="short", hair_shift=0.0, brows=0.5,
        beard=0.0, freckles=0.0, flush=0.2, lipstick=None, shadow=None, glasses=None, hat=None,
    )  # fmt: skip
    light = Light(direction=np.array([0.0, -0.5, 0.87]), lamp=np.full(3, 0.6), around=np.full(3, 0.5))
    face = Face(
        identity=np.zeros(len(IDENTITY)), lips=np.zeros(3), asymmetry=np.zeros(len(IDENTITY)), expression=Expression(),
        gaze=(0.0, 0.0), yaw=0.0, pitch=0.0, roll=0.0, distance=16.0, scale=96.0, center=(0.0, 6.0), look=look,
        light=light, photo=Photo(), occluder=None,
    )  # fmt: skip
    image, landmarks, _ = draw(face, np.random.default_rng(0))
    return image, landmarks
