"""What networks find on a data set: the way of the coordinates end to end, and which square a model wants."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from awing_lib.customs import CUSTOMS, make_protocol
from awing_lib.dataset_prediction import crop_of, load_models, predict_faces
from awing_lib.datasets import WFLW, DataError, SyntheticFaces
from awing_lib.datasets.synthetic.making import write_splits
from awing_lib.errors import AwingError
from awing_lib.evaluation import evaluate
from awing_lib.heatmaps import decode_heatmaps, render_heatmaps, resize_landmarks
from awing_lib.hourglass import StackedHourglass
from awing_lib.inference import InferenceError
from awing_lib.layouts import WFLW_98, LayoutError
from awing_lib.recipes import NetworkRecipe, Recipe
from awing_lib.transforms import PROTOCOLS, CropProtocol, invert, map_landmarks, to_tensor
from awing_lib.weights import ModelInfo, save_model

SIZE = 64


@pytest.fixture(scope="module")
def wflw(tmp_path_factory):
    """Five faces in the official layout of WFLW: files, boxes that are not tight, attributes."""
    root = tmp_path_factory.mktemp("wflw")
    write_splits(SyntheticFaces(5), root, "wflw", {"test": 5})
    return WFLW(root, "test")


class Oracle(nn.Module):
    """Renders the true heatmaps of the crops that it knows, told by their pixels, and of their mirror images.

    What it renders lies ``off`` pixels from the truth, in the crop that it sees.
    """

    def __init__(self, faces, protocol, boundary=True, off=(0.0, 0.0)):
        super().__init__()
        self.known, self.boundary, self.asked = {}, boundary, []
        for index, face in enumerate(faces):
            crop = protocol(face.image, face.landmarks, box=face.box, size=SIZE)
            image, mirrored = to_tensor(crop.image), faces.layout.flip(crop.landmarks, SIZE)
            for pixels, truth in ((image, crop.landmarks), (image.flip(-1), mirrored)):
                placed = resize_landmarks(torch.from_numpy(truth + np.float32(off)), SIZE, SIZE // 4)
                self.known[pixels.numpy().tobytes()] = index, render_heatmaps(placed, SIZE // 4)

    def forward(self, images):
        assert images.dtype == torch.float32 and not torch.is_grad_enabled() and not self.training
        found = [self.known[image.numpy().tobytes()] for image in images]
        self.asked.append([index for index, _ in found])
        maps = torch.stack([maps for _, maps in found])
        if self.boundary:
            maps = torch.cat([maps, torch.ones_like(maps[:, :1])], 1)
        return [torch.zeros_like(maps), maps]  # an earlier stack that knows nothing


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
@pytest.mark.parametrize("flip", [False, True])
def test_what_the_maps_show_comes_back_in_pixels_of_the_photo(wflw, protocol, flip):
    oracle = Oracle(wflw, protocol, boundary=flip)
    landmarks, scores = predict_faces(oracle, wflw, protocol=protocol, size=SIZE, flip=flip, batch=3)
    assert landmarks.shape == (5, 98, 2) and scores.shape == (5, 98)
    assert landmarks.dtype == scores.dtype == np.float64
    assert oracle.asked == [[0, 1, 2]] * (1 + flip) + [[3, 4]] * (1 + flip)
    outside = scores < 0.5  # a crop without padding has landmarks on its edge, and some beyond
    assert outside.mean() < 0.02
    # a pixel of the 16 x 16 maps is more than five of the photo
    assert np.abs(landmarks - wflw.landmarks)[~outside].max() < 0.01


def test_the_oracle_has_an_error_of_nothing(wflw):
    protocol = PROTOCOLS["WFLW"]
    landmarks, _ = predict_faces(Oracle(wflw, protocol), wflw, protocol=protocol, size=SIZE)
    found = evaluate("oracle", landmarks, wflw, make_protocol(CUSTOMS["wflw"], "given box"))
    scores = found.scores["full"]
    assert scores.nme.value < 1e-4 and scores.failure_rate.value == 0 and scores.auc.value > 0.999


def test_flip_test_undoes_what_leans_to_one_side(wflw):
    """A model that errs to the right errs to the left on mirror images; the mean of both is right."""
    protocol = CropProtocol(padding=0.3)
    leaning = Oracle(wflw, protocol, off=(2.0, 0.0))
    apart = []
    for flip in (False, True):
        landmarks, _ = predict_faces(leaning, wflw, protocol=protocol, size=SIZE, flip=flip)
        scale = protocol.matrix(wflw.boxes[0], size=SIZE)[0, 0]
        apart.append((landmarks[0] - wflw.landmarks[0]) * scale)  # in pixels of the crop
    np.testing.assert_allclose(apart[0], np.broadcast_to([2.0, 0.0], (98, 2)), atol=0.01)
    np.testing.assert_allclose(apart[1], 0, atol=0.01)


def test_a_network_is_read_from_its_last_stack_and_left_as_it_was(wflw):
    model = StackedHourglass(98, stacks=2, depth=1, features=8, generator=torch.Generator().manual_seed(0))
    model.train()
    model.stem.norm.eval()  # a part that someone froze
    modes = [module.training for module in model.modules()]
    before, state = torch.get_rng_state(), {name: value.clone() for name, value in model.state_dict().items()}
    protocol = CropProtocol(padding=0.1)
    landmarks, scores = predict_faces(model, wflw, protocol=protocol, size=SIZE, decode="argmax", batch=2)
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())

    model.eval()
    face = wflw[4]
    crop = protocol(face.image, box=face.box, size=SIZE)
    with torch.no_grad():
        maps = model(to_tensor(crop.image)[None])[-1][0, :98]
    points, peaks = decode_heatmaps(maps, "argmax")
    expected = map_landmarks(invert(crop.matrix), resize_landmarks(points, SIZE // 4, SIZE).numpy())
    np.testing.assert_allclose(landmarks[4], expected, atol=1e-3)
    np.testing.assert_allclose(scores[4], peaks.numpy(), atol=1e-5)


def test_other_processes_and_batches_find_the_same(wflw):
    model = StackedHourglass(98, stacks=1, depth=1, features=8, generator=torch.Generator().manual_seed(0))
    ask = {"protocol": CropProtocol(), "size": SIZE, "decode": "argmax"}
    alone = predict_faces(model, wflw, **ask)
    gone_through = []

    def progress(places):
        for place in places:
            gone_through.append(place)
            yield place

    shared = predict_faces(model, wflw, **ask, workers=1, batch=2, progress=progress)
    assert gone_through == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(alone[0], shared[0])
    np.testing.assert_allclose(alone[1], shared[1], atol=1e-6)


def test_modes_come_back_after_an_error_too(wflw):
    model = StackedHourglass(97, stacks=1, depth=1, features=8, boundary=False).train()
    with pytest.raises(LayoutError, match="the model has 97 maps; layout WFLW-98 needs 98, and one more"):
        predict_faces(model, wflw, protocol=CropProtocol(), size=SIZE)
    assert model.training


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_maps_that_are_no_numbers_are_not_measured(wflw, value, flip):
    class Broken(nn.Module):
        def forward(self, images):
            maps = torch.zeros(len(images), 98, 16, 16)
            maps[-1, 97, 15, 15] = value  # of one face one pixel
            return [maps]

    ask = {"protocol": CropProtocol(padding=0.1), "size": SIZE, "flip": flip}
    with pytest.raises(InferenceError, match=r"^the network's maps are not finite: its weights are broken$"):
        predict_faces(Broken(), wflw, **ask)
    landmarks, _ = predict_faces(Broken(), wflw, **ask, refuse_broken=False)  # as a run that validates wants it
    assert np.isfinite(landmarks).all()


@pytest.mark.parametrize("workers", [0, 1])
def test_a_photo_that_cannot_be_read_is_named_in_one_line(wflw, workers):
    class Broken(type(wflw)):
        def _image(self, index):
            if index == 3:
                raise DataError("photo.jpg: cannot be decoded")
            return super()._image(index)

    broken = wflw.select(slice(None))
    broken.__class__ = Broken
    model = StackedHourglass(98, stacks=1, depth=1, features=8)
    with pytest.raises(DataError) as caught:
        predict_faces(model, broken, protocol=CropProtocol(), size=SIZE, batch=2, workers=workers)
    assert str(caught.value) == "photo.jpg: cannot be decoded"


def test_a_face_that_cannot_be_cropped_is_named(wflw):
    broken = wflw.select(slice(None))
    broken._rows["boxes"] = broken.boxes + np.float32([[0], [9000], [0], [0], [0]])
    model = StackedHourglass(98, stacks=1, depth=1, features=8)
    with pytest.raises(AwingError, match=f"^{wflw.names[1]}, face 1: box: .* outside the image"):
        predict_faces(model, broken, protocol=CropProtocol(), size=SIZE)


def test_crops_follow_the_training_unless_told_otherwise():
    network = NetworkRecipe(stacks=1, depth=1, features=8)
    plain = ModelInfo(WFLW_98, network, padding=0.2)
    assert crop_of(plain) == CropProtocol(0.2)
    assert crop_of(plain, "landmarks", 0.0) == CropProtocol(0.0, "landmarks")
    recipe = Recipe().updated({"box": "landmarks", "padding": 0.3})
    assert crop_of(ModelInfo.of_run(WFLW_98, recipe)) == CropProtocol(0.3, "landmarks")
    official = ModelInfo.of_run(WFLW_98, Recipe().updated({"official_wflw": True, "padding": 0.05}))
    assert crop_of(official) == PROTOCOLS["WFLW-official"]
    assert crop_of(official, "given") == CropProtocol(0.05)
    for about in ({"recipe": "paper"}, {"recipe": {"data": 3}}, {}):
        assert crop_of(dataclasses.replace(plain, about=about)) == CropProtocol(0.2)
    with pytest.raises(AwingError, match="padding"):
        crop_of(plain, padding=7.0)


def test_models_are_called_by_what_tells_them_apart(tmp_path):
    info = ModelInfo(WFLW_98, NetworkRecipe(stacks=1, depth=1, features=8), size=SIZE)
    weights = info.build().state_dict()
    paths = [tmp_path / "run/model.safetensors", tmp_path / "a/x.safetensors", tmp_path / "b/x.safetensors"]
    for path in paths:
        path.parent.mkdir()
        save_model(path, weights, info)
    loaded = load_models([tmp_path / "run", *paths[1:]])
    assert [name for name, _, _ in loaded] == ["run", str(paths[1]), str(paths[2])]
    assert all(not model.training and each.size == SIZE for _, model, each in loaded)
    with pytest.raises(AwingError, match="nothing"):
        load_models([tmp_path / "nothing"])
