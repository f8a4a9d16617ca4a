"""Where the faces are: a detector that needs no download, with boxes as the aligner wants them.

The detector is the cascade of local binary patterns that ships with scikit-image. It is quick and small, finds faces
that look at the camera, and misses many that do not; :class:`awing_lib.inference.FaceAligner` takes any other
function from an image to boxes in its place.
"""

import cv2
import numpy as np

from awing_lib.arguments import as_real, as_whole
from awing_lib.errors import AwingError

WINDOW_SHIFT = 0.18
"""How far below the middle of the cascade's square the middle of the landmarks' tight box lies, as a share of the
square's side: the cascade looks at eyes, nose and mouth, the landmarks end at the chin.

This and :data:`WINDOW_EXTENT` are medians over every second face of the training part of ``youtube-faces-68`` (68
landmarks) that the detector finds there at all; sideways the median is below 0.02 of the side, for which nothing is
done. A test measures them again where that data is at hand."""
WINDOW_EXTENT = (0.97, 0.93)
"""Width and height of the landmarks' tight box, as shares of the side of the cascade's square."""

_SHORT_SIDE = 320  # photos are shrunk to this for the search; what the cascade cannot see at this size, it never could
_SMALLEST_WINDOW = 24  # what the cascade was trained on
_STEP = 1.1  # from one size of the window to the next


class DetectionError(AwingError):
    """The detector cannot be had, or was asked for something out of range."""


class CascadeDetector:
    """Faces that look at the camera, by the local binary pattern cascade of scikit-image.

    The cascade says yes to many windows around a face, and to a few windows elsewhere. Windows of about the same place
    and size are one face; its square is their median, and :data:`WINDOW_SHIFT` and :data:`WINDOW_EXTENT` make of it
    the tight box of the landmarks, which is what the aligner's boxes are.

    Args:
        smallest: side of the smallest square that is looked for, as a share of the shorter side of the photo, 0.02 to
            1. Halving it takes four times as long, and finds more faces where there are none.
        support: how many windows it takes to make a face, at least 1. Fewer find more faces, and more of them where
            there are none.

    Raises:
        DetectionError: an argument is out of range, or scikit-image is not installed.

    Example::

        boxes = CascadeDetector()(skimage.data.astronaut())  # one box
    """

    def __init__(self, smallest: float = 0.1, support: int = 6) -> None:
        if not 0.02 <= as_real(smallest) <= 1:
            raise DetectionError(f"smallest must be a share from 0.02 to 1, got {smallest!r}")
        if not as_whole(support) >= 1:
            raise DetectionError(f"support must be a whole number of at least 1, got {support!r}")
        try:
            from skimage.data import lbp_frontal_face_cascade_filename
            from skimage.feature import Cascade
        except ImportError as error:
            raise DetectionError(
                "finding faces needs scikit-image (pip install scikit-image), or give the boxes or a detector of yours"
            ) from error
        self.smallest, self.support = float(smallest), int(support)
        self._cascade = Cascade(lbp_frontal_face_cascade_filename())

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Tight boxes of the landmarks that the faces should have.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            (N, 4) float32, x0 y0 x1 y1 in pixels of the image, those with the most support first; they may reach
            beyond it. N is 0 where there is no face, or the image is smaller than 24 pixels.
        """
        x, y, side = merge_windows(self.windows(image), self.support).T
        center = np.stack([x, y + WINDOW_SHIFT * side], 1)  # (N, 2)
        half = side[:, None] / 2 * WINDOW_EXTENT
        return np.concatenate([center - half, center + half], 1).astype(np.float32)

    def windows(self, image: np.ndarray) -> np.ndarray:
        """The squares that the cascade takes for a face, (K, 3): x and y of the centre, and side, pixels."""
        height, width = image.shape[:2]
        factor = max(1.0, self.smallest * min(height, width) / max(_SMALLEST_WINDOW, self.smallest * _SHORT_SIDE))
        small = (max(1, round(width / factor)), max(1, round(height / factor)))
        if min(small) < _SMALLEST_WINDOW:
            return np.empty((0, 3))
        shrunk = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        least = max(_SMALLEST_WINDOW, int(self.smallest * min(small)))
        found = self._cascade.detect_multi_scale(
            shrunk,
            scale_factor=_STEP,
            step_ratio=1,
            min_size=(least, least),
            max_size=(min(small), min(small)),
            min_neighbor_number=0,
            intersection_score_threshold=2,  # more than any pair has: merging in the order of discovery tears faces up
        )
        squares = np.array([(each["c"], each["r"], each["width"]) for each in found], float).reshape(-1, 3)
        scale = np.array([width, height]) / small
        # a window from column c on covers columns c to c + side - 1
        centers = (squares[:, :2] + squares[:, 2:] / 2) * scale - 0.5
        return np.column_stack([centers, squares[:, 2] * scale.mean()])


def merge_windows(windows: np.ndarray, support: int) -> np.ndarray:
    """One square for each heap of squares of about the same place and size.

    The square with the most neighbours goes first: it becomes the median of itself and them, and whatever overlaps
    with that by more than a little is spent.

    Args:
        windows: (K, 3) x and y of the centre, and side.
        support: the least number of squares that make a heap.

    Returns:
        (N, 3) likewise, those made of the most squares first.
    """
    merged = []
    while len(windows):
        centers, sides = windows[:, :2], windows[:, 2]
        smaller = np.minimum(sides[:, None], sides)  # (K, K)
        distance = np.abs(centers[:, None] - centers).max(-1)
        near = (distance < 0.25 * smaller) & (np.maximum(sides[:, None], sides) < 1.5 * smaller)
        neighbors = near.sum(1)
        best = neighbors.argmax()
        if neighbors[best] < support:
            break
        merged.append(np.median(windows[near[best]], 0))
        x, y, side = merged[-1]
        windows = windows[np.abs(centers - (x, y)).max(1) >= 0.35 * (sides + side)]
    return np.array(merged).reshape(-1, 3)
