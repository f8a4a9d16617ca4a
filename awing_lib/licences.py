"""What a model has learned from, and what may be done with its weights: one text for its file, its card and its ONNX.

What holds for photos holds for what was learned from them. The text is what a run knows of that, and no legal advice.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

KEY = "data_and_licence"
"""Where the text stands in :attr:`awing_lib.weights.ModelInfo.about`."""
HEADING = "## Data and licence"
"""Above the text on a card."""

_DRAWN = (
    "No photo and no person is in the training data: the faces were drawn by this library. The weights are under its "
    "licence, Apache-2.0."
)
_RESEARCH = (
    "For research use only: the weights were learned from photos that are given out for non-commercial research, and "
    "may not be used for more than these allow."
)
_OWN = (
    "For research use only, unless these photos allow more: the weights were learned from them, and may not be used "
    "for more than they allow."
)
_TUNED = "It began with the weights of another model: what holds for these holds for it, too."


def data_and_licence(recipe: Mapping, data: Mapping, fine_tuned: bool = False) -> str:
    """The text of a model that a run has made.

    Args:
        recipe, data, fine_tuned: as the run's record has them (``run.json``).
    """
    dataset, made = recipe["data"]["dataset"], recipe["data"].get("synthetic_faces", 0)
    trained, validated = data["faces"]["train"], data["faces"]["val"]
    if dataset == "synthetic":
        faces, licence = f"{trained:,} faces made to order", _DRAWN
    elif dataset == "table":
        faces, licence = f"{trained - made:,} faces of `{data['root']}`", _OWN
    else:
        faces, licence = f"{trained - made:,} faces of {dataset.upper()}", _RESEARCH
    faces += f" and {made:,} made to order" if made else ""
    tuned = f" {_TUNED}" if fine_tuned else ""
    return f"Trained on {faces}; {validated:,} others were looked at during training. {licence}{tuned}"


def said_by_card(model: Path) -> str | None:
    """The text of a model file that does not have it itself: from the card beside it, if that is of this very file."""
    try:
        card = model.with_suffix(".md").read_text("utf-8")
        with open(model, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, UnicodeDecodeError):
        return None
    text = card.partition(f"{HEADING}\n")[2].partition("\n#")[0]
    return " ".join(text.split()) or None if digest in card else None
