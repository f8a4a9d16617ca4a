"""YAML as people write settings, from files that anyone may have written: plain values, and nothing that blows up."""

import re
from pathlib import Path
from typing import Any

import yaml

LARGEST = 2**16
"""Bytes of text that are read; settings have a few hundred."""


def read_yaml(path: Path) -> Any:
    """The value that a YAML file holds.

    Raises:
        OSError: the file cannot be read.
        ValueError: as :func:`parse_yaml`.
    """
    if path.exists() and not path.is_file():  # a pipe would make us wait
        raise ValueError("it is not a file")
    with open(path, "rb") as file:
        return parse_yaml(file.read(LARGEST + 1).decode("utf-8-sig"))


def parse_yaml(text: str) -> Any:
    """The value that a YAML text holds: numbers, text, dates, lists, mappings.

    Raises:
        ValueError: not YAML, longer than :data:`LARGEST`, or with a key that occurs twice or an alias.
    """
    if len(text) > LARGEST:
        raise ValueError(f"it is longer than {LARGEST} bytes")
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except (OverflowError, RecursionError) as error:
        raise ValueError("a number is too long, or a list too deep") from error


class _Loader(yaml.SafeLoader):
    """Safe, with these differences: 1e-4 is a number (YAML 1.1 wants 1.0e-4), no key occurs twice, no aliases.

    A file of a few hundred bytes in which aliases stand for lists of aliases grows to gigabytes.
    """

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not taken", self.peek_event().start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a word", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} occurs twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    key: list(resolvers) for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)
