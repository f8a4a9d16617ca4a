"""How each data set is measured: its faces, its protocol, its subsets."""

import numpy as np
import pytest
from measured_faces import made

from awing_lib.customs import (
    CUSTOMS,
    EvaluationError,
    crop_in_words,
    custom_of,
    make_protocol,
    open_faces,
    subsets_of,
)
from awing_lib.datasets import AFLW, W300, SyntheticFaces
from awing_lib.datasets.synthetic.making import write_splits
from awing_lib.layouts import AFLW_19, COFW_29, IBUG_68
from awing_lib.transforms import PROTOCOLS, CropProtocol


def test_custom_of_each_data_set():
    assert set(CUSTOMS) == {"wflw", "300w", "cofw", "cofw68", "aflw", "table", "synthetic"}
    kinds = {name: custom.normalizer for name, custom in CUSTOMS.items()}
    assert kinds["wflw"] == kinds["300w"] == kinds["cofw68"] == "inter-ocular"
    assert kinds["cofw"] == "inter-pupil" and kinds["aflw"] == "face-box"
    assert custom_of("300w").threshold == 0.10 and custom_of("300w", "test").threshold == 0.08
    with pytest.raises(EvaluationError, match="data set 'wfwl' is unknown; there are wflw"):
        custom_of("wfwl")
    protocol = make_protocol(custom_of("300w", "test"), "tight", flip=True)
    assert str(protocol) == "300W test, NME by inter-ocular, FR > 8 %, AUC to 8 %, crop: tight, flip test"
    protocol = make_protocol(CUSTOMS["wflw"], "tight", normalizer="inter-pupil", threshold=0.05, limit=0.07)
    assert "NME by inter-pupil, FR > 5 %, AUC to 7 %" in str(protocol)
    with pytest.raises(EvaluationError, match="normalizer 'eyes' is unknown; there are inter-ocular"):
        make_protocol(CUSTOMS["wflw"], "tight", normalizer="eyes")
    for kind in ("face-box", "box"):
        with pytest.raises(ValueError, match="failure_threshold"):
            make_protocol(CUSTOMS["wflw"], "tight", normalizer=kind, threshold=0.0)


def test_subsets_of_each_data_set():
    attributes = dict.fromkeys(("pose", "expression", "illumination", "make-up", "occlusion"), [True] * 4)
    rows = subsets_of(made(**attributes, blur=[True, False, False, True]))
    assert list(rows) == ["full", "pose", "expression", "illumination", "make-up", "occlusion", "blur"]
    assert rows["full"].all() and rows["blur"].tolist() == [True, False, False, True]
    assert list(subsets_of(made(**attributes, blur=["1", "0", "0", "1"]))) == ["full"]  # text: not WFLW's

    names = ["helen/testset/1.jpg", "ibug/2.jpg", "lfpw/testset/ibug.png", "ibug/4.jpg"]
    rows = subsets_of(made(IBUG_68, W300, names=names))
    assert {name: row.tolist() for name, row in rows.items()} == {
        "common": [True, False, True, False],
        "challenging": [False, True, False, True],
        "full": [True] * 4,
    }
    assert list(subsets_of(made(IBUG_68, W300, names=[f"ibug/{i}.jpg" for i in range(4)]))) == ["full"]

    visible = np.ones((4, 19), bool)
    visible[2, 5] = False
    rows = subsets_of(made(AFLW_19, AFLW, visible=visible))
    assert list(rows) == ["full", "frontal"] and rows["frontal"].tolist() == [True, True, False, True]
    assert list(subsets_of(made(COFW_29))) == ["full"]


def test_subsets_by_column():
    faces = made(pose=[True, False, True, True], age=["old", "young", "old", "new"], number=[1, 2, 2, 1])
    assert list(subsets_of(faces, "pose")) == ["full", "pose=no", "pose=yes"]
    rows = subsets_of(faces, "age")
    assert list(rows) == ["full", "age=new", "age=old", "age=young"] and rows["age=old"].tolist() == [1, 0, 1, 0]
    assert subsets_of(faces, "number")["number=2"].tolist() == [0, 1, 1, 0]
    with pytest.raises(EvaluationError, match="no column 'Age'; it has pose, age, number"):
        subsets_of(faces, "Age")
    with pytest.raises(EvaluationError, match="column 'person' has 60 values, at most 50"):
        subsets_of(made(count=60, person=list(range(60))), "person")


def test_open_faces_has_the_custom_of_its_split(tmp_path):
    root = tmp_path / "wflw"
    write_splits(SyntheticFaces(2), root, "wflw", {"test": 2})
    faces, custom = open_faces("wflw", root)
    assert len(faces) == 2 and (custom.title, custom.split) == ("WFLW", "test")
    faces, custom = open_faces("synthetic", count=3, layout=IBUG_68)
    assert len(faces) == 3 and faces.layout is IBUG_68 and custom.split == f"seed {2**31}"
    for arguments, message in (
        (("synthetic", None, "test"), "synthetic faces have no split 'test'"),
        (("cofw68", root, "train"), "COFW-68 has no split 'train'"),
        (("nothing", root), "'nothing' is unknown"),
    ):
        with pytest.raises(EvaluationError, match=message):
            open_faces(*arguments)


def test_open_faces_of_a_table_never_mixes_in_training_faces(tmp_path):
    root = tmp_path / "mine"
    write_splits(SyntheticFaces(4), root, "table", {"train": 2, "test": 2})
    faces, custom = open_faces("table", root)
    assert set(faces.attributes["split"]) == {"test"} and (custom.title, custom.split) == ("mine", "test")
    assert len(open_faces("table", root, "train")[0]) == 2
    faces, custom = open_faces("table", root, "all")
    assert len(faces) == 4 and custom.split == "all"
    table = root / "landmarks.csv"
    table.write_text(table.read_text().replace(",test,", ",held out,"))
    with pytest.raises(EvaluationError, match="no split 'test'; name one of held out, train, or all"):
        open_faces("table", root)
    table.write_text(table.read_text().replace(",split,", ",part,", 1))
    assert len(open_faces("table", root)[0]) == 4  # nothing says that any is for training


def test_crops_in_words():
    given = made()
    assert crop_in_words(CropProtocol(0.2), given) == "given box + 20 %"
    assert crop_in_words(CropProtocol(0.0, "landmarks"), given) == "box of the true landmarks"
    assert "official code" in crop_in_words(PROTOCOLS["WFLW-official"], given)
    # a box that is given, but was made of the landmarks, is called what it is
    assert crop_in_words(CropProtocol(0.125), SyntheticFaces(2)) == "box of the true landmarks + 12.5 %"
