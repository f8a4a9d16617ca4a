"""Docstrings: their examples print what they say, and those of the public names name every argument."""

import dataclasses
import doctest
import inspect
import re

import pytest
import torch

import awing_lib
from awing_lib import losses


def test_examples():
    result = doctest.testmod(losses, extraglobs={"torch": torch})
    assert result.attempted and not result.failed


def called(name):
    """A public function; or a class, and the methods that it is called by."""
    value = getattr(awing_lib, name)
    if not inspect.isclass(value):
        return [value]
    if dataclasses.is_dataclass(value) or issubclass(value, Exception):  # what is said of a field stands below it
        return []
    methods = ("forward", "__call__", "from_pretrained")
    return [value, *(getattr(value, method) for method in methods if method in vars(value))]


@pytest.mark.parametrize("name", awing_lib._PUBLIC)
def test_each_argument_is_documented(name):
    for value in called(name):
        arguments = [
            "**" * (argument.kind is inspect.Parameter.VAR_KEYWORD) + argument.name
            for argument in inspect.signature(value).parameters.values()
            if argument.name != "self"
        ]
        section = re.search(r"^Args:\n(.*?)(?=^\S|\Z)", inspect.getdoc(value), re.M | re.S)
        assert section, f"{value.__qualname__} has no Args"
        named = re.findall(r"^    ([\w*][\w*, ]*):", section[1], re.M)
        assert ", ".join(named).split(", ") == arguments, value.__qualname__
