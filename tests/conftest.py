"""Shared by the tests: where things are, the book's notebooks."""

from pathlib import Path

import nbformat
import numpy as np
import pytest
import scipy.io

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "book").rglob("*.ipynb"))


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    """Each notebook of the book."""
    return nbformat.read(request.param, as_version=4)


@pytest.fixture(scope="session")
def real_faces():
    """Landmarks (N, L, 2) of real annotation files, read here plainly, without the library; skips where absent."""
    annotations = ROOT.parent / "shared" / "data" / "official-annotations"

    def read(name):
        if not annotations.is_dir():
            pytest.skip("the real annotation files are not at hand")
        if name == "wflw":
            path = annotations / "wflw/derived/list_98pt_rect_attr_test.partial.txt"
            return np.array([line.split()[:196] for line in path.read_text().splitlines()], float).reshape(-1, 98, 2)
        if name == "300w":
            path = annotations / "300w/hrnet-csv/face_landmarks_300w_test.csv"
            rows = [line.split(",")[-136:] for line in path.read_text().splitlines()[1:]]
            return np.array(rows, float).reshape(-1, 68, 2)
        files = sorted((annotations / "cofw/COFW68_Data/test_annotations").glob("*_points.mat"))
        return np.stack([scipy.io.loadmat(file)["Points"] for file in files])

    return read
