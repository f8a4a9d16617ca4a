"""Benchmarks: the arithmetic of their tables, and the record that they are added to. No time is ever judged."""

import json
import sys

import pytest
import torch

from awing_lib import benchmarks, cli, datasets, recipe_parts
from awing_lib.benchmarks import data, floors, loss, record, targets, timing, train
from awing_lib.benchmarks.floors import Floors, measure_floors
from awing_lib.benchmarks.table import Column, Row, Table, show_seconds
from awing_lib.layouts import WFLW_98
from awing_lib.losses import adaptive_wing_loss
from awing_lib.recipes import RecipeError, load_recipe
from awing_lib.targets import TargetMaker

ONE_CORE = Floors("cpu", "a processor", 1, 1e10, {"float32": 5e10, "bfloat16": 2e11})
TINY = {"size": 64, "stacks": 1, "depth": 1, "features": 8}


@pytest.fixture
def awing(monkeypatch, capsys):
    """Runs a command line in this process, with floors that need no measuring; gives exit code, stdout and stderr."""
    monkeypatch.setattr(floors, "measure_floors", lambda device, cores=None: ONE_CORE)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["awing", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code or 0, *capsys.readouterr()

    return run


@pytest.fixture
def few_faces(monkeypatch):
    """In the data benchmark, something that takes less time to make than a face."""
    monkeypatch.setattr(
        datasets, "SyntheticFaces", lambda count: (sum(range(999)) for _ in range(count)), raising=False
    )


@pytest.fixture(scope="module")
def trained():
    """The table of a tiny network, with all that can be asked for on a CPU but torch.compile."""
    recipe = load_recipe("nano-synthetic", TINY)
    return train.train_table(recipe, 2, 3, "cpu", bf16=True, check_steps=4, profile=True, floors=ONE_CORE)


def check_arithmetic(table, baseline):
    """Ratios and floors follow from seconds, bytes and operations; and all of it can be written as JSON."""
    base, rates = table.row(baseline).seconds, table.floors.operations_per_second
    for row in table.rows:
        assert row.seconds > 0 and row.ratio == pytest.approx(row.seconds / base)
        bound = max(row.bytes / 1e10, (row.operations or 0) / rates[row.precision])
        assert row.floor_seconds == pytest.approx(bound) and row.reached == pytest.approx(bound / row.seconds)
    plain = table.as_dict()
    assert json.loads(json.dumps(plain)) == plain and plain["floors"] == "cpu-1"
    lines = table.as_text().splitlines()
    assert [line[: len(row.name)] for line, row in zip(lines[2:], table.rows, strict=False)] == [
        row.name for row in table.rows
    ]
    assert lines[1].split()[-2:] == ["floor", "reached"] and lines[-1] == table.floors.as_text()


def table_of(seconds, name="loss", bounds=ONE_CORE):
    rows = tuple(Row.measured(str(i), each, seconds[0], bounds, bytes=10**7) for i, each in enumerate(seconds))
    return Table(name, "a title", "call", bounds, {"repeats": 3}, rows, (Column("time", 9, lambda row: "now"),))


# -- timing -----------------------------------------------------------------------------------------------------------


def test_variants_take_turns_and_the_first_two_rounds_do_not_count():
    order, ticks = [], iter([0, 9, 0, 9, 0, 9, 0, 9, 0, 1, 0, 2, 0, 5, 0, 6, 0, 3, 0, 4])
    variants = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    seconds = timing.medians(variants, 3, clock=lambda: next(ticks))
    assert order == ["a", "b"] * 5 and seconds == {"a": 3, "b": 4}


def test_bytes_kept_counts_memory_that_is_shared_once():
    x = torch.ones(10, requires_grad=True)
    assert timing.bytes_kept(lambda: x.exp()) == 40
    assert timing.bytes_kept(lambda: x * x) == 40
    y = torch.ones(10, device="meta", requires_grad=True)
    assert timing.bytes_kept(lambda: y.exp() + y.sin()) == 80


def test_threads_are_as_they_were_afterwards():
    before = torch.get_num_threads()
    with pytest.raises(KeyError), timing.threads(1):
        assert torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == before


# -- floors and tables ------------------------------------------------------------------------------------------------


def test_floors_are_measured():
    found = measure_floors("cpu", 1, copied=2**16, side=32, repeats=2)
    assert found.key == "cpu-1" and found.settings == {"copied_bytes": 2**16, "matrix_side": 32, "repeats": 2}
    assert found.bytes_per_second > 0 and found.operations_per_second["float32"] > 0 and found.name
    assert Floors(**found.as_dict()) == found
    assert "tf32" not in found.operations_per_second


def test_the_floor_is_what_takes_longer():
    assert ONE_CORE.seconds(10**10) == 1
    assert ONE_CORE.seconds(10**10, 10**11) == 2
    assert ONE_CORE.seconds(10**9, 10**11, "bfloat16") == 0.5
    assert ONE_CORE.seconds(0, 10**11, "tf32") == 2  # not measured: held to float32


@pytest.mark.parametrize(
    "change, message",
    [
        ({"bytes_per_second": 0.0}, "bytes_per_second must be a positive number, got 0.0"),
        ({"operations_per_second": {"float32": float("nan")}}, "float32 must be a positive number, got nan"),
        ({"operations_per_second": {"bfloat16": 1.0}}, "operations_per_second lacks float32, it has bfloat16"),
    ],
)
def test_floors_refuse_rates_that_are_none(change, message):
    with pytest.raises(ValueError, match=message):
        Floors(**{**ONE_CORE.as_dict(), **change})


def test_rows_of_another_device_have_no_floor():
    row = Row.measured("a", 2.0, 4.0, None, bytes=100)
    assert (row.ratio, row.floor_seconds, row.reached) == (0.5, None, None)
    assert Row.measured("a", 2.0, 4.0, ONE_CORE).reached is None


def test_tables_refuse_rows_that_cannot_be():
    with pytest.raises(ValueError, match="seconds of 'a' must be a positive number, got 0"):
        Row("a", 0, 1.0)
    with pytest.raises(ValueError, match="names of their own"):
        Table("loss", "", "call", ONE_CORE, {}, (), ())


def test_seconds_are_shown_in_a_unit_that_suits():
    shown = [show_seconds(each) for each in (2.5, 0.0123, 0.00999, 3.98e-5)]
    assert shown == ["2.50 s ", "12.3 ms", "9.99 ms", "39.8 us"]


# -- the benchmarks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_loss(weighted):
    table = loss.loss_table((1, 2, 8, 8), 3, "cpu", weighted=weighted, floors=ONE_CORE)
    check_arithmetic(table, "formula as written")
    assert [row.name for row in table.rows] == ["formula as written", "adaptive_wing_loss", "mse_loss"]
    assert table.rows[0].bytes == (16 if weighted else 12) * 128  # read two or three maps, write one
    assert table.row("adaptive_wing_loss").more["kept_bytes"] == 4 * 128 * (2 if weighted else 1)


def test_loss_tells_of_a_compiler_that_does_not_work(monkeypatch):
    def broken(function):
        raise RuntimeError("no\n compiler")

    monkeypatch.setattr(torch, "compile", broken)
    table = loss.loss_table((1, 2, 8, 8), 3, "cpu", compiled=True, floors=ONE_CORE)
    assert len(table.rows) == 3 and table.notes[0] == "torch.compile does not work here: RuntimeError: no compiler"
    monkeypatch.setattr(torch, "compile", lambda function: function)
    names = [row.name for row in loss.loss_table((1, 2, 8, 8), 3, "cpu", compiled=True, floors=ONE_CORE).rows]
    assert names == ["formula as written", "adaptive_wing_loss", "compiled formula", "mse_loss"]


def test_targets():
    table = targets.targets_table(2, 3, "cpu", floors=ONE_CORE)
    check_arithmetic(table, "straightforward")
    assert {row.bytes for row in table.rows} == {98 * 2 * 4 + 2 * 99 * 64 * 64 * 4}
    assert 0 < table.more["share_in_operators"] < 1
    assert all(row.more["per_second"] * row.seconds == pytest.approx(1) for row in table.rows)


@pytest.mark.parametrize("settings", [{}, {"sigma": 1.5, "threshold": 0.3, "weight": 4.0}, {"boundary": False}])
def test_one_face_at_a_time_makes_the_same_targets(settings):
    landmarks = torch.from_numpy(datasets.SyntheticFaces(2).landmarks) / 2
    heatmaps, weights = TargetMaker(WFLW_98, crop=128, size=32, **settings)(landmarks)
    for face, (maps, weighed) in enumerate(zip(heatmaps, weights, strict=True)):
        ours = targets.targets_with_opencv(landmarks[face].numpy(), WFLW_98, 32, **settings)
        assert ours[0].shape == maps.shape == ours[1].shape
        assert abs(ours[0][:98] - maps[:98].numpy()).max() < 1e-6
        assert (ours[1][:98] == weighed[:98].numpy()).mean() > 0.999  # rounding, where a value is the threshold
        if settings.get("boundary", True):  # curves are drawn on pixels four times as fine
            assert abs(ours[0][98] - maps[98].numpy()).mean() < 0.02


def test_data(few_faces):
    table = data.data_table(64, 3, images_per_second=1000.0, floors=ONE_CORE)
    check_arithmetic(table, "bare warp")
    assert [row.name for row in table.rows] == ["JPEG", "PNG", "pixels", "bare warp", "made face"]
    for row in table.rows[:3]:
        assert sum(row.more["shares"].values()) == pytest.approx(1)
    # a box of 0.6 x 64 pixels is seen, and becomes 256 x 256
    assert table.row("pixels").bytes == 3 * (round(0.6 * 64) ** 2 + 256**2)
    assert table.row("made face").bytes == 3 * 256**2
    assert set(table.more["workers"]["needed"]) == {"JPEG", "PNG", "pixels"}


def test_workers_that_keep_a_device_busy():
    found = data.keeping_busy({"JPEG": 100.0, "pixels": 400.0, "PNG": 95.0}, 300.0)
    assert found["waits"]["JPEG"]["1"] == pytest.approx(2 / 3) and found["waits"]["JPEG"]["4"] == 0
    assert found["needed"] == {"JPEG": 3, "pixels": 1, "PNG": 4}  # three at 95 make it wait 5 %, which is not under
    with pytest.raises(ValueError, match="images_per_second must be a positive number, got -1"):
        data.data_table(64, 3, images_per_second=-1)


def test_train_has_a_row_for_each_rung(trained):
    check_arithmetic(trained, "eager float32")
    steps = ["device_targets", "channels_last", "bf16"]
    ladder = [[way for way, on in row.more["with"].items() if on] for row in trained.rows]
    assert ladder == [steps[:count] for count in range(4)]
    assert [row.precision for row in trained.rows] == ["float32"] * 3 + ["bfloat16"]
    for row in trained.rows:
        assert sum(row.more["shares"].values()) == pytest.approx(1) and tuple(row.more["shares"]) == train.PARTS
        assert row.more["images_per_second"] * row.seconds == pytest.approx(2) and row.more["peak_bytes"] is None
    assert sum(trained.more["time_by_kind"].values()) == pytest.approx(1)
    assert trained.more["time_by_kind"]["convolutions"] > 0


def test_train_counts_operations_and_bytes(trained):
    from awing_lib.hourglass import StackedHourglass, describe

    network = StackedHourglass(98, stacks=1, depth=1, features=8)
    parameters = sum(each.numel() for each in network.parameters())
    assert trained.more["parameters"] == parameters
    forward = 2 * 2 * sum(part.multiply_adds for part in describe(network, (64, 64)))  # of two images
    # backward, each convolution makes as many for its weights, and as many for its input; the first has no input
    assert 2.5 * forward < trained.rows[0].operations < 3 * forward
    weights = 4 * parameters
    states = 2 * weights + 4 * len(list(network.parameters()))  # Adam's two, and its count of steps
    assert trained.rows[0].bytes == 4 * 2 * 3 * 64 * 64 + 2 * (2 * weights + states)


def test_small_networks_are_not_said_to_need_nothing(trained):
    (note,) = (line for line in trained.notes if "GFLOP" in line)
    assert float(note.split()[1]) == pytest.approx(trained.rows[0].operations / 1e9, rel=0.01)


def test_train_compares_curves(trained):
    check = trained.more["check"]
    first, last, other = check["curves"]
    assert (first, last, other) == ("eager float32", "+ bf16 autocast", "eager float32, another seed")
    assert check["tail"] == 1 and all(len(curve) == 4 for curve in check["curves"].values())
    for name, curve in check["curves"].items():
        assert check["means"][name] == pytest.approx(sum(curve) / 4)
        assert check["tail_means"][name] == pytest.approx(curve[-1])
    tails = check["tail_means"]
    assert check["difference"] == pytest.approx(abs(tails[last] / tails[first] - 1))
    assert check["noise"] == pytest.approx(abs(tails[other] / tails[first] - 1))
    # the first loss is that of the same weights and the same faces
    curves = check["curves"]
    assert curves[last][0] == pytest.approx(curves[first][0], rel=0.05) and curves[other][0] != curves[first][0]
    assert curves[first][-1] < curves[first][0]  # it learns


def test_train_leaves_out_what_does_not_work(monkeypatch):
    def broken(function):
        raise RuntimeError("no compiler")

    monkeypatch.setattr(torch, "compile", broken)
    recipe, options = load_recipe("nano-synthetic", {**TINY, "loss": "mse"}), {"compiled": True, "fused": True}
    table = train.train_table(recipe, 2, 3, "cpu", channels_last=False, floors=ONE_CORE, **options)
    assert [row.name for row in table.rows] == ["eager float32", "+ targets on the device"]
    assert "no compiler" in table.notes[0] and table.notes[1] == "no fused loss here: the loss is mse"


def test_train_adds_compiled_network_and_fused_loss(monkeypatch):
    calls = []

    def fused(*arguments, **settings):
        calls.append(settings["weight"].shape)
        return adaptive_wing_loss(*arguments, **settings)

    monkeypatch.setattr(torch, "compile", lambda function: function)
    monkeypatch.setattr(train, "find_fused_loss", lambda device: (fused, ""))
    monkeypatch.setattr(recipe_parts, "fused_adaptive_wing_loss", fused)
    recipe, options = load_recipe("nano-synthetic", TINY), {"compiled": True, "fused": True, "check_steps": 2}
    table = train.train_table(recipe, 2, 3, "cpu", floors=ONE_CORE, **options)
    assert [row.name for row in table.rows][-2:] == ["+ torch.compile", "+ fused loss"]
    assert calls == [(2, 99, 16, 16)] * (3 + 2 + 2)  # timed, to warm up, checked
    first, last, _ = table.more["check"]["curves"].values()
    assert first == pytest.approx(last, rel=1e-2)


def test_train_refuses_targets_that_it_cannot_make():
    recipe = load_recipe("nano-synthetic", {**TINY, "official_targets": True})
    with pytest.raises(RecipeError, match="official_targets must be false here, got true"):
        train.train_table(recipe, 2, 3, "cpu", floors=ONE_CORE)


# -- the record -------------------------------------------------------------------------------------------------------


def test_tables_are_added_to_a_record(tmp_path):
    path = tmp_path / "speed.json"
    assert record.known_floors(path) == {}
    record.add_table(path, table_of([2.0, 1.0]))
    gpu = Floors("cuda", "a GPU", None, 1e12, {"float32": 1e13})
    record.add_table(path, table_of([0.2, 0.1], bounds=gpu))
    record.add_table(path, table_of([4.0], "train"))
    record.add_table(path, table_of([3.0, 1.0]))  # once more: in place of the first
    record.add_table(path, table_of([5.0]), "loss-large")
    found = benchmarks.read_record(path)
    assert {name: sorted(tables) for name, tables in found["tables"].items()} == {
        "loss": ["cpu", "cuda"],
        "train": ["cpu"],
        "loss-large": ["cpu"],
    }
    first = found["tables"]["loss"]["cpu"]
    assert [row["seconds"] for row in first["rows"]] == [3.0, 1.0] and first["measured"].endswith("+00:00")
    assert first["commit"] == found["environment"]["commit"]
    assert record.known_floors(path) == {"cpu-1": ONE_CORE, "cuda": gpu}
    assert list(tmp_path.iterdir()) == [path]


def test_a_record_keeps_to_one_machine_and_its_floors(tmp_path):
    path = tmp_path / "speed.json"
    record.add_table(path, table_of([2.0]))
    before = path.read_bytes()
    slower = Floors("cpu", "a processor", 1, 1e9, {"float32": 5e10})
    with pytest.raises(record.SpeedRecordError, match="held to other floors than those of cpu-1"):
        record.add_table(path, table_of([2.0], bounds=slower))
    other = json.loads(before)
    other["environment"]["hardware"]["cpu"] = "an abacus"
    path.write_text(json.dumps(other))
    with pytest.raises(record.SpeedRecordError, match="of another machine: cpu 'an abacus' there"):
        record.add_table(path, table_of([2.0]))
    assert json.loads(path.read_text()) == other


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "cannot be read as JSON"),
        ("[]", "no record of benchmarks"),
        ('{"environment": {}, "floors": {}}', "tables is missing"),
    ],
)
def test_what_is_no_record_is_said(tmp_path, text, message):
    path = tmp_path / "speed.json"
    path.write_text(text)
    with pytest.raises(record.SpeedRecordError, match=message):
        record.known_floors(path)
    assert path.read_text() == text


# -- the command line -------------------------------------------------------------------------------------------------


def test_all_measures_all_and_says_which_workers_keep_it_busy(awing, few_faces, monkeypatch, tmp_path):
    path = tmp_path / "speed.json"
    monkeypatch.setattr(targets, "targets_table", lambda *_, **__: table_of([2.0, 1.0], "targets"))
    code, text, errors = awing(
        "benchmark", "all", "--quick", "--json", path, *(f"--set={each}={value}" for each, value in TINY.items())
    )
    assert code == 0, errors
    found = benchmarks.read_record(path)
    assert set(found["tables"]) == {"loss", "targets", "train", "data"} and set(found["floors"]) == {"cpu-1"}
    assert found["tables"]["train"]["cpu"]["settings"]["network"]["features"] == 8
    fastest = max(row["more"]["images_per_second"] for row in found["tables"]["train"]["cpu"]["rows"])
    assert found["tables"]["data"]["cpu"]["more"]["workers"]["images_per_second"] == fastest
    assert "1x2x16x16 float32" in text and "nano-synthetic: a step of 2 images" in text


def test_a_name_can_be_given(awing, tmp_path):
    path = tmp_path / "speed.json"
    shape = ("--shape", "1x1x8x8", "--repeats", 3)
    assert awing("benchmark", "loss", *shape, "--weights", "--json", path, "--as", "weighted")[0] == 0
    assert benchmarks.read_record(path)["tables"]["weighted"]["cpu"]["settings"]["weighted"] is True


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("loss", "--json", "/nowhere/speed.json"), "there is no folder /nowhere"),
        (("loss", "--shape", "99999x999x999x999"), "too little memory for this; a smaller --shape needs less"),
        (("loss", "--as", "mine"), "--as has no meaning without --json"),
        (("train", "--recipe", "paper-nothing"), "no recipe 'paper-nothing'"),
        (("train", "--set", "stacks=0"), "stacks must be"),
        (("train", "--set", "official_targets=true"), "official_targets must be false here"),
        (("all",), "--json"),
        (("data", "--images-per-second", "0"), "--images-per-second"),
    ],
)
def test_bad_input_is_one_line(awing, arguments, message):
    code, text, errors = awing("benchmark", *arguments)
    assert code == 2 and text == "" and len(errors.splitlines()) == 1 and message in errors


@pytest.mark.parametrize(
    "error", [torch.cuda.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: no"), MemoryError()]
)
@pytest.mark.parametrize("name", ["loss", "targets", "train", "data", "all"])
def test_too_little_memory_is_one_line_wherever_it_shows(awing, monkeypatch, tmp_path, name, error):
    def full(*_, **__):
        raise error

    for module in (loss, targets, train, data):
        monkeypatch.setattr(module, f"{module.__name__.rpartition('.')[2]}_table", full)
    code, text, errors = awing("benchmark", name, "--json", tmp_path / "speed.json")
    assert (code, text) == (2, "") and len(errors.splitlines()) == 1
    assert errors.startswith("awing: there is too little memory for this; a smaller ")


def test_other_errors_are_not_taken_for_a_want_of_memory(awing, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(loss, "loss_table", broken)
    monkeypatch.setattr(sys, "argv", ["awing", "benchmark", "loss"])
    with pytest.raises(RuntimeError, match="a fault of ours"):
        cli.main()


def test_the_package_gives_what_its_modules_hold():
    for name, place in benchmarks._PLACES.items():
        assert getattr(benchmarks, name) is getattr(sys.modules[f"awing_lib.benchmarks.{place}"], name)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = benchmarks.nothing
