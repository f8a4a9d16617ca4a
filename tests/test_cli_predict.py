"""``awing predict``: files in, files out, and what is said about those that are no pictures."""

import csv
import io
import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch

from awing_lib import cli, predicting
from awing_lib.datasets.w300 import read_pts
from awing_lib.inference import Face, FaceAligner
from awing_lib.layouts import IBUG_68
from awing_lib.photos import Picture
from awing_lib.predicting import PredictionError, Results, draw_faces, find_sources, pts_text, read_boxes
from awing_lib.recipes import NetworkRecipe
from awing_lib.weights import ModelInfo, save_model

BOX = "10,12,90,80"


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """In networks as small as these, threads do nothing but wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """An untrained network of 68 points, as a file."""
    torch.manual_seed(0)
    info = ModelInfo(IBUG_68, NetworkRecipe(stacks=1, depth=2, features=16), 64)
    path = tmp_path_factory.mktemp("run") / "model.safetensors"
    save_model(path, info.build().state_dict(), info)
    return path


@pytest.fixture(scope="module")
def scene():
    return cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (90, 120, 3), np.uint8), (0, 0), 4)


@pytest.fixture
def photos(tmp_path, scene):
    """A folder: a.png, b.jpg, inner/c.png, and files that are no photos."""
    folder = tmp_path / "photos"
    (folder / "inner").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    for name, image in (("a.png", scene), ("b.jpg", scene[::-1]), ("inner/c.png", scene[:, ::-1])):
        cv2.imwrite(str(folder / name), image)
    cv2.imwrite(str(folder / ".hidden/d.png"), scene)
    (folder / "notes.txt").write_text("no photo")
    (folder / ".e.png").write_bytes(b"")
    return folder


@pytest.fixture
def awing(capsys, monkeypatch):
    """Run a command in this process: exit code, stdout, stderr."""
    monkeypatch.setattr(cli, "_progress", lambda items, **options: items)  # on a busy machine it would show

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["awing", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return left.value.code or 0, out, err

    return run


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def expected(model, image, box=(10, 12, 90, 80)):
    (face,) = FaceAligner.from_pretrained(model, device="cpu")(image, [box])
    return face


def boxes_file(folder, *lines, header="name,box_x0,box_y0,box_x1,box_y1"):
    path = folder / "boxes.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


# -- what is written --------------------------------------------------------------------------------------------------


def test_csv_holds_what_the_aligner_says(awing, model, photos, scene, tmp_path):
    boxes = boxes_file(tmp_path, f"a.png,{BOX}", "inner/c.png,5,5,60,60", f"a.png,{BOX}")
    code, out, err = awing("predict", model, photos, "--boxes", boxes)
    assert (code, err) == (0, f"awing: 1 of 3 files are not in {boxes} and are left out\n")
    lines = rows(out)
    assert [(line["name"], line["index"]) for line in lines] == [("a.png", "0"), ("a.png", "1"), ("inner/c.png", "0")]
    assert [float(lines[2][name]) for name in predicting.BOX_COLUMNS] == [5, 5, 60, 60]
    face = expected(model, scene[..., ::-1])
    for line in lines[:2]:
        found = [[float(line[f"{axis}{index}"]) for axis in "xy"] for index in range(68)]
        assert np.abs(found - face.landmarks).max() < 1e-2
        assert np.abs([float(line[f"score{index}"]) for index in range(68)] - face.scores).max() < 1e-3


def test_the_table_can_be_given_back_as_boxes(awing, model, photos, tmp_path):
    code, first, _ = awing("predict", model, photos, "--whole")
    assert code == 0
    (tmp_path / "first.csv").write_text(first)
    code, second, _ = awing("predict", model, photos, "--boxes", tmp_path / "first.csv")
    assert code == 0 and second == first
    assert [float(rows(first)[0][name]) for name in predicting.BOX_COLUMNS] == [-0.5, -0.5, 119.5, 89.5]


def test_there_is_a_bar_over_pictures(awing, model, photos, monkeypatch):
    asked = []

    def progress(items, **options):
        for item in items:
            asked.append((item.name, options["total"], options["unit"]))
            yield item

    monkeypatch.setattr(cli, "_progress", progress)
    code, _, err = awing("predict", model, photos, "--whole")
    assert (code, err) == (0, "")
    assert asked == [(name, 3, "picture") for name in ("a.png", "b.jpg", "inner/c.png")]


def test_json(awing, model, photos, scene, tmp_path):
    boxes = boxes_file(tmp_path, f"a.png,{BOX}")
    code, out, _ = awing("predict", model, photos / "a.png", "--boxes", boxes, "--format", "json")
    assert code == 0
    found = json.loads(out)
    assert found["layout"] == "iBUG-68" and len(found["points"]) == 68
    (picture,) = found["pictures"]
    (face,) = picture["faces"]
    assert (
        picture["name"] == "a.png" and face["box"] == [10, 12, 90, 80] and set(face) == {"box", "landmarks", "scores"}
    )
    assert np.abs(face["landmarks"] - expected(model, scene[..., ::-1]).landmarks).max() < 1e-2


def test_pts_count_from_one_as_300w(awing, model, photos, scene, tmp_path):
    boxes = boxes_file(tmp_path, f"a.png,{BOX}", "a.png,5,5,60,60", "inner/c.png,5,5,60,60")
    out = tmp_path / "out"
    code, said, _ = awing("predict", model, photos, "--boxes", boxes, "--format", "pts", "--out", out)
    assert code == 0 and said == f"3 faces in 2 pictures: {out}\n"
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*"))
    assert names == ["a_face0.pts", "a_face1.pts", "inner/c_face0.pts"]
    points = read_pts((out / "a_face0.pts").read_text(), out, 68)  # the reader leaves them as they stand
    assert np.abs(points - 1 - expected(model, scene[..., ::-1]).landmarks).max() < 1e-2


def test_pts_are_the_authors_dialect():
    assert pts_text(np.array([[0, 0], [9.5, 2.25]])) == (
        "version: 1\nn_points:  2\n{\n1.000000 1.000000\n10.500000 3.250000\n}"
    )


def test_overlay_pictures_are_the_photos_with_dots(awing, model, photos, tmp_path):
    out = tmp_path / "out"
    code, said, _ = awing("predict", model, photos, "--whole", "--overlay", "--out", out)
    assert code == 0 and said == f"3 faces in 3 pictures: {out / 'landmarks.csv'}\n"
    assert len(rows((out / "landmarks.csv").read_text())) == 3
    drawn = cv2.imread(str(out / "inner/c_landmarks.jpg"))
    photo = cv2.imread(str(photos / "inner/c.png"))
    assert drawn.shape == photo.shape
    changed = np.abs(drawn.astype(int) - photo).max(2) > 60
    assert 0.005 < changed.mean() < 0.6


def test_dots_are_drawn_where_the_landmarks_are_in_the_colors_of_their_side():
    landmarks = np.stack(np.meshgrid(np.arange(10) * 18 + 10, np.arange(7) * 18 + 10), -1).reshape(-1, 2)[:68]
    face = Face(landmarks.astype(np.float32), np.ones(68), np.array([1, 1, 190, 130], np.float32), None)
    image = np.full((150, 200, 3), 128, np.uint8)
    drawn = draw_faces(image, [face], IBUG_68)
    assert (image == 128).all()
    pairs = dict(IBUG_68.mirror_pairs)
    for index, (x, y) in enumerate(landmarks):
        side = "left" if index in pairs else "right" if index in pairs.values() else "middle"
        assert np.abs(drawn[y, x].astype(int) - predicting._COLORS[side]).max() < 3
    assert (drawn[1, 1:190] > 200).all() and (drawn[145] == 128).all()
    assert np.array_equal(draw_faces(image, [], IBUG_68), image)


def test_the_detector_finds_the_astronaut(awing, model, tmp_path, scene):
    data = pytest.importorskip("skimage.data")
    cv2.imwrite(str(tmp_path / "astronaut.png"), data.astronaut()[..., ::-1])
    cv2.imwrite(str(tmp_path / "nobody.png"), scene)
    out = tmp_path / "out"
    code, said, err = awing("predict", model, tmp_path / "astronaut.png", tmp_path / "nobody.png", "--out", out)
    assert code == 0 and said.startswith("1 faces in 2 pictures, 1 without a face: ")
    assert err == "awing: no face was found in nobody.png; --boxes or --whole can say where one is\n"
    (line,) = rows((out / "landmarks.csv").read_text())
    assert [float(line[name]) for name in predicting.BOX_COLUMNS] == pytest.approx([176, 86, 278, 187], abs=12)


@pytest.mark.parametrize("format", ["csv", "json"])
def test_pictures_without_a_face_are_named_beside_a_table_that_stays_one(awing, model, tmp_path, scene, format):
    pytest.importorskip("skimage.feature")
    for number in range(5):
        cv2.imwrite(str(tmp_path / f"{number}.png"), scene)
    code, out, err = awing("predict", model, tmp_path, "--format", format)
    assert code == 0
    assert err.startswith("awing: no face was found in 0.png, 1.png, 2.png and 2 more; --boxes or --whole")
    if format == "csv":
        assert rows(out) == [] and out.startswith("name,index,box_x0,")
    else:
        assert [picture["faces"] for picture in json.loads(out)["pictures"]] == [[]] * 5


@pytest.fixture(scope="module")
def clip(tmp_path_factory, scene):
    path = tmp_path_factory.mktemp("clip") / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 5, (120, 90))
    if not writer.isOpened():
        pytest.skip("this OpenCV writes no video")
    for shift in range(4):
        writer.write(np.roll(scene, 3 * shift, 1))
    writer.release()
    return path


def test_video_frames_are_pictures(awing, model, clip, tmp_path):
    out = tmp_path / "out"
    code, said, _ = awing("predict", model, clip, "--whole", "--out", out, "--overlay", "--batch", "3")
    assert code == 0 and said.startswith("4 faces in 4 pictures: ")
    lines = rows((out / "landmarks.csv").read_text())
    assert [line["name"] for line in lines] == [f"clip.avi#{frame}" for frame in range(4)]
    assert len({line["x0"] + line["y0"] + line["x9"] for line in lines}) == 4
    assert sorted(path.name for path in (out / "clip").iterdir()) == [f"{k:06d}_landmarks.jpg" for k in range(4)]


def test_boxes_of_a_video_or_of_its_frames(awing, model, clip, tmp_path):
    boxes = boxes_file(tmp_path, f"clip.avi,{BOX}", "clip.avi#2,5,5,60,60")
    code, out, _ = awing("predict", model, clip, "--boxes", boxes)
    assert code == 0 and [line["box_x0"] for line in rows(out)] == ["10.0000", "10.0000", "5.0000", "10.0000"]
    code, out, _ = awing("predict", model, clip, "--boxes", boxes_file(tmp_path, "clip.avi#2,5,5,60,60"))
    assert code == 0 and [line["name"] for line in rows(out)] == ["clip.avi#2"]


# -- what is wrong ----------------------------------------------------------------------------------------------------


def test_in_a_folder_broken_pictures_are_noted_and_the_others_go_on(awing, model, photos, tmp_path):
    data = (photos / "b.jpg").read_bytes()
    (photos / "b.jpg").write_bytes(data[: len(data) // 2])
    (photos / "aa.png").write_bytes(b"no picture")
    cv2.imwrite(str(photos / "dot.png"), np.zeros((1, 1, 3), np.uint8))
    code, out, err = awing("predict", model, photos, "--whole")
    assert code == 1
    assert [line["name"] for line in rows(out)] == ["a.png", "inner/c.png"]
    said = err.splitlines()
    assert len(said) == 3 and f"{photos}/aa.png: begins with" in said[0]
    assert f"{photos}/b.jpg: the JPEG file is cut off" in said[1]
    assert "dot.png: box 0: x0 -0.5 y0 -0.5 x1 0.5 y1 0.5 is 1 x 1 pixels" in said[2]


def test_one_broken_picture_is_bad_input(awing, model, photos, tmp_path):
    data = (photos / "a.png").read_bytes()
    (photos / "a.png").write_bytes(data[: len(data) // 2])
    code, out, err = awing("predict", model, photos / "a.png", "--whole", "--out", tmp_path / "out")
    assert (code, out) == (2, "") and err == f"awing: {photos}/a.png: the PNG file is cut off\n"
    assert not list((tmp_path / "out").iterdir())


def test_the_command_itself_says_one_line(model, tmp_path):
    """In a process of its own, where OpenCV could have its say about a broken picture."""
    intact = cv2.imencode(".webp", np.zeros((50, 50, 3), np.uint8))[1].tobytes()
    (tmp_path / "broken.webp").write_bytes(intact[:-20])
    (tmp_path / "broken.mp4").write_bytes(b"no video" * 99)
    code = "import sys; from awing_lib.cli import main; main()"
    for name in ("broken.webp", "broken.mp4"):
        arguments = ["predict", model, tmp_path / name, "--whole"]
        result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120)
        assert result.returncode == 2 and result.stdout == ""
        assert len(result.stderr.splitlines()) == 1 and result.stderr.startswith(f"awing: {tmp_path / name}: ")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["faces69", "."], "model 'faces69': no such file or folder"),
        (["MODEL", "nowhere"], "nowhere: does not exist"),
        (["MODEL", "empty"], "empty: no photo or video in it; expected .jpg"),
        (["MODEL"], "Missing argument 'PATH'"),
        (["MODEL", "a.png", "--format", "xml"], "format must be one of csv, json, pts; got 'xml'"),
        (["MODEL", "a.png", "--format", "pts"], ".pts files need a folder to be written to"),
        (["MODEL", "a.png", "--overlay"], "overlay pictures need a folder"),
        (["MODEL", "a.png", "--boxes", "b.csv", "--whole"], "give one of them"),
        (["MODEL", "a.png", "--whole", "--overwrite"], "--overwrite has no meaning without --out"),
        (["MODEL", "a.png", "--boxes", "b.csv"], "b.csv: cannot be read"),
        (["MODEL", "a.png", "--device", "tpu"], "--device must be cpu or cuda, got 'tpu'"),
        (["MODEL", "a.png", "--batch", "0"], "--batch"),
        (["MODEL", "a.png", "--out", "a.png", "--whole"], "a.png: cannot be made a folder"),
        (["MODEL", "a.png", "copy/a.png"], "would both be called 'a.png'"),
        (["MODEL", "a.png", "a.jpg", "--out", "out", "--overlay"], "would both be called 'a'"),
        (["MODEL", "copy", "--out", "copy/out", "--overlay"], "overlay pictures would be taken for photos there"),
        (["text.safetensors", "a.png"], "text.safetensors: "),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(awing, model, photos, scene, monkeypatch, arguments, message):
    monkeypatch.chdir(photos)
    for folder in ("empty", "copy"):
        (photos / folder).mkdir()
    cv2.imwrite("copy/a.png", scene)
    cv2.imwrite("a.jpg", scene)
    (photos / "text.safetensors").write_text("no weights")
    code, out, err = awing("predict", *(model if each == "MODEL" else each for each in arguments))
    assert (code, out) == (2, "") and len(err.splitlines()) == 1
    assert err.startswith("awing: ") and message in err


@pytest.mark.parametrize(
    "lines, message",
    [
        (["name,x0,y0,x1,y1", f"a.png,{BOX}"], "line 1: expected one column box_x0, found 'name,x0,y0,x1,y1'"),
        (["", "name,box_x0,box_y0,box_x1,box_y1"], "no boxes; expected the columns name, box_x0"),
        (["name,box_x0,box_y0,box_x1,box_y1", "a.png,1,2,3"], "line 2: 4 fields, expected 5"),
        (["name,box_x0,box_y0,box_x1,box_y1", "a.png,1,2,3,x"], "line 2, field 4: 'x', expected a number"),
        (["name,box_x0,box_y0,box_x1,box_y1", f'"a.png,{BOX}'], "line 2: "),
        (["name,box_x0,box_y0,box_x1,box_y1", f"z.png,{BOX}"], "boxes: 'z.png' is none of the 3 pictures"),
        (["name,box_x0,box_y0,box_x1,box_y1", f"a.png#3,{BOX}"], "boxes: 'a.png#3' is none of the 3 pictures"),
    ],
)
def test_bad_boxes_are_named(awing, model, photos, tmp_path, lines, message):
    (tmp_path / "boxes.csv").write_text("\n".join(lines) + "\n")
    code, out, err = awing("predict", model, photos, "--boxes", tmp_path / "boxes.csv")
    assert (code, out) == (2, "") and len(err.splitlines()) == 1 and message in err


def test_boxes_may_have_other_columns_in_any_order(tmp_path):
    path = boxes_file(tmp_path, "9,1,2,a.png,3,4", header="x0,box_x0,box_y0,name,box_x1,box_y1")
    (boxes,) = read_boxes(path).values()
    assert boxes.tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize("how", [[], ["--format", "json"], ["--format", "pts"], ["--overlay"]])
def test_files_that_exist_are_kept(awing, model, photos, tmp_path, how):
    command = ["predict", model, photos / "a.png", "--whole", "--out", tmp_path / "out", *how]
    assert awing(*command)[0] == 0
    files = list((tmp_path / "out").iterdir())
    for path in files:
        path.write_bytes(b"dear to me")
    code, out, err = awing(*command)
    assert (code, out) == (2, "") and "exists already and is kept; see --overwrite" in err
    assert all(path.read_bytes() == b"dear to me" for path in files)
    assert awing(*command, "--overwrite")[0] == 0
    assert not any(path.read_bytes() == b"dear to me" for path in files)


def test_a_file_that_appears_meanwhile_is_kept_too(tmp_path):
    results = Results(IBUG_68, "pts", tmp_path)
    face = Face(np.zeros((68, 2), np.float32), np.zeros(68), np.zeros(4), None)
    results.add(Picture("a.png", np.zeros((9, 9, 3), np.uint8)), [face])
    with pytest.raises(PredictionError, match=r"a_face0\.pts: exists already"):
        results.add(Picture("a.jpg", np.zeros((9, 9, 3), np.uint8)), [face])


def test_names_that_are_no_text_do_not_stop_it(tmp_path):
    bad = tmp_path / b"\xff.png".decode("utf-8", "surrogateescape")
    try:
        bad.write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes no such names")
    (source,) = find_sources([tmp_path])
    assert source.name == r"\udcff.png" and source.path == bad


def test_help_imports_nothing_heavy_and_has_an_example():
    code = (
        "import sys; from awing_lib.cli import app\n"
        "try: app(['predict', '--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'numpy', 'cv2', 'skimage', 'tqdm'} & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "Example: awing predict" in result.stdout


def test_the_detector_is_not_needed_where_boxes_are_known(awing, model, photos, monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.feature", None)
    assert awing("predict", model, photos, "--whole")[0] == 0
    code, _, err = awing("predict", model, photos)
    assert code == 2 and "pip install scikit-image" in err
