"""The examples in the docstrings run and print what they say."""

import doctest

import torch

from awing_lib import losses


def test_examples():
    result = doctest.testmod(losses, extraglobs={"torch": torch})
    assert result.attempted and not result.failed
