"""What the repository promises about itself: one source of dependencies, clean notebooks, pinned actions."""

import json
import re
import tomllib

import pytest
import yaml
from conftest import NOTEBOOKS, ROOT
from packaging.requirements import Requirement

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_environment_leaves_the_requirements_to_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert environment["channels"]
    assert conda == [f"python{PROJECT['requires-python']}", "pip"]
    (install,) = pip
    extras = re.fullmatch(r"-e \.\[([\w,]+)\]", install)[1].split(",")
    assert set(extras) <= set(PROJECT["optional-dependencies"]) and {"book", "test"} <= set(extras)


def test_the_library_has_lower_bounds_only():
    for requirement in map(Requirement, PROJECT["dependencies"]):
        assert {s.operator for s in requirement.specifier} == {">="}, requirement


def test_the_lock_satisfies_every_requirement():
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    locked = {}
    for line in lines:
        if line and not line.startswith("#"):
            name, version = re.fullmatch(r"([\w.-]+)==([\w.]+)", line).groups()
            locked[name.lower().replace("_", "-")] = version
    extras = PROJECT["optional-dependencies"]
    for text in [*PROJECT["dependencies"], *extras["figures"], *extras["book"], *extras["test"]]:
        requirement = Requirement(text)
        if requirement.name != "awing-lib":
            assert requirement.specifier.contains(locked[requirement.name.lower()]), text


def test_setup_installs_the_locked_torch_first():
    steps = (ROOT / "tools/bootstrap.py").read_text("utf-8")
    assert re.search(r"^torch==(.*)$", (ROOT / "requirements.lock").read_text("utf-8"), re.M)[0] in steps


def test_notebooks_have_no_outputs_and_stable_ids(notebook):
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert not [i for i in ids if re.fullmatch(r"[0-9a-f]{8}", i)], "ids made up by a tool change at each conversion"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None
            assert len(cell.source.splitlines()) <= 30, f"cell {cell.id} is too long to read"


def test_each_notebook_is_in_the_table_of_contents():
    from check_site import pages_of_toc

    assert {path.relative_to(ROOT).with_suffix("").as_posix() for path in NOTEBOOKS} <= set(pages_of_toc())


def test_workflows_pin_every_action_and_use_the_two_commands():
    for path in (ROOT / ".github/workflows").glob("*.yml"):
        text = path.read_text("utf-8")
        for uses in re.findall(r"uses: (\S+)", text):
            assert re.search(r"@[0-9a-f]{40}$", uses), f"{path.name}: {uses}"
        assert "run: make book" in text and "run: make test" in text


@pytest.mark.parametrize("name", ["LICENSE", "CITATION.cff", "README.md", "data/README.md", ".ci/run"])
def test_files_that_people_look_for(name):
    assert (ROOT / name).stat().st_size > 100


def test_citation_names_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["cff-version"] == "1.2.0" and citation["version"] == PROJECT["version"]
    assert citation["references"][0]["title"].startswith("Adaptive Wing Loss")


def test_the_record_of_the_eye_runs_is_complete():
    import record_eye_runs

    record = json.loads(record_eye_runs.RECORD.read_text("utf-8"))
    assert re.fullmatch(r"[0-9a-f]{40}", record["commit"]) and record["versions"]["torch"]
    found = {(run["size"], run["steps"], run["seed"]) for run in record["runs"]}
    assert found == {(s["size"], s["steps"], seed) for s, seeds in record_eye_runs.SETTINGS for seed in seeds}
    assert all(set(run["maps"]) == {"target", "MSE", "L1", "Wing", "AWing"} for run in record["runs"])


def test_each_record_says_which_command_makes_it(tmp_path):
    import ablation
    import gpu_records

    from awing_lib.recipes import RECIPES, load_recipe, parse_settings

    results = ROOT / "data/results"
    text = (results / "README.md").read_text("utf-8").replace("\\\n", " ")
    (tmp_path / "landmarks.csv").touch()
    of_a_gpu = gpu_records.all_steps(tmp_path, ROOT, results, "cuda", False)
    expected = {path.name for path in results.glob("*.json")}
    expected |= {command.record.name for commands in of_a_gpu.values() for command in commands}
    assert not [name for name in expected if name not in text]
    assert all(f"`{name}`" in text for name in of_a_gpu)
    assert all((ROOT / tool).exists() for tool in re.findall(r"python (tools/\S+\.py)", text))
    commands = [str(command) for commands in of_a_gpu.values() for command in commands]
    lines = [line for line in [*text.splitlines(), *commands] if " --recipe " in line]
    named = re.findall(r"ablation\.py (\w+) ", "\n".join([text, *commands]))
    assert set(named) == set(ablation.PRESETS)
    assert len(lines) > 3
    for line in lines:
        name = re.search(r"--recipe (\S+)", line)[1]
        assert name in RECIPES
        load_recipe(name, parse_settings(re.findall(r"--set (\S+)", line)))
    full = load_recipe(
        "paper-table", parse_settings(re.findall(r"--set (\S+)", next(x for x in lines if "paper-table" in x)))
    )
    assert (full.data.train_split, full.data.val_split) == ("train", "val")  # the test faces are not trained on
