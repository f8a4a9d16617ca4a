"""What ``import awing_lib`` offers: the names, their types, and nothing loaded before it is used."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import awing_lib

PACKAGE = Path(awing_lib.__file__).parent


def typed_names():
    """name -> module of the re-exports that type checkers read."""
    module = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
    (block,) = [node for node in module.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    names = {}
    for line in block.body:
        for name in line.names:
            assert name.asname == name.name, "without `as` it is no re-export"
            names[name.name] = line.module.removeprefix("awing_lib.")
    return names


def test_type_checkers_see_the_public_names():
    assert typed_names() == awing_lib._PUBLIC


@pytest.mark.parametrize("name", awing_lib._PUBLIC)
def test_each_name_is_there_and_defined_where_it_is_said_to_be(name):
    value = getattr(awing_lib, name)
    assert (value.__module__, value.__qualname__) == (f"awing_lib.{awing_lib._PUBLIC[name]}", name)
    assert name in dir(awing_lib)


def test_other_names_are_not_there():
    with pytest.raises(AttributeError, match="module 'awing_lib' has no attribute 'adaptive_wings'"):
        awing_lib.adaptive_wings  # noqa: B018


def test_errors_can_be_caught_and_faces_be_named():
    from awing_lib.inference import Face

    assert awing_lib.Face is Face
    with pytest.raises(awing_lib.AwingError, match="no such file or folder"):
        awing_lib.FaceAligner.from_pretrained("no-such-model")


def test_importing_loads_nothing_else():
    code = "import sys, awing_lib; print(*{'torch', 'numpy', 'cv2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_package_says_that_it_is_typed(root):
    setuptools = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    assert "py.typed" in setuptools["package-data"]["awing_lib"] and (root / "awing_lib/py.typed").exists()
