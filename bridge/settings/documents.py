"""YAML documents with the place of every key: so that an error can name file and line.

Scalars follow YAML 1.2's core schema: only `true` and `false` are booleans, so `off` stays a word and `17:00` a time of
day, and a number with a point is an exact Decimal.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import yaml

from bridge.settings.problems import Problem

Path_ = tuple[str | int, ...]


class Place(msgspec.Struct, frozen=True):
    """Where a value was written: a file and line, or an environment variable or option."""

    source: str
    line: int = 0
    directory: Path | None = None

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source


class Document(msgspec.Struct):
    """One document: plain values and the place of every path in it."""

    data: dict[str, Any]
    places: dict[Path_, Place]
    place: Place


class _Loader(yaml.SafeLoader):
    """SafeLoader with the core schema's scalars."""


_Loader.yaml_implicit_resolvers = {}  # SafeLoader's own are YAML 1.1's


def _decimal(loader: _Loader, node: yaml.ScalarNode) -> Decimal:
    return Decimal(node.value)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:0|[1-9][0-9]*)?(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9.]*[eE][-+]?[0-9]+)$"),
    list("-+.0123456789"),
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), ["<"])
_Loader.add_constructor("tag:yaml.org,2002:float", _decimal)


def read(file: Path) -> tuple[list[Document], list[Problem]]:
    """All documents of a file, and what is wrong with its form."""
    try:
        text = file.read_text()
    except OSError as error:
        return [], [Problem(str(file), "", f"cannot be read: {error.strerror}")]
    except UnicodeDecodeError:
        return [], [Problem(str(file), "", "is not a text file in UTF-8")]
    loader = _Loader(text)
    documents: list[Document] = []
    problems: list[Problem] = []
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is None or (isinstance(node, yaml.ScalarNode) and node.value == ""):
                continue
            place = _place(file, node)
            problems.extend(_duplicates(file, node, ()))
            if not isinstance(node, yaml.MappingNode):
                problems.append(Problem(str(place), "", "a document is a mapping of keys to values"))
                continue
            data = loader.construct_document(node)
            documents.append(Document(data, dict(_places(file, node, ())), place))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        # The snippet that the library adds may hold a secret, so only its sentence is told.
        problems.append(Problem(f"{file}{line}", "", f"not YAML: {error.problem or error.context}"))
    except yaml.YAMLError as error:
        problems.append(Problem(str(file), "", f"not YAML: {getattr(error, 'reason', type(error).__name__)}"))
    finally:
        loader.dispose()
    return documents, problems


def scalar(text: str) -> Any:
    """A value given as text on the command line or in the environment. Raises ValueError when it is not YAML."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError("not a YAML value") from error


def _place(file: Path, node: yaml.Node) -> Place:
    return Place(str(file), node.start_mark.line + 1, file.parent)


def _places(file: Path, node: yaml.Node, path: Path_) -> Iterator[tuple[Path_, Place]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, key.value)
            yield here, _place(file, key)
            yield from _places(file, value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            here = (*path, index)
            yield here, _place(file, value)
            yield from _places(file, value, here)


def _duplicates(file: Path, node: yaml.Node, path: Path_) -> Iterator[Problem]:
    """A key given twice: YAML forbids it, and the library would silently keep the last."""
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value)
            line = key.start_mark.line + 1
            if name in seen and name != "<<":
                problem = f"given twice, first in line {seen[name]}"
                yield Problem(f"{file}:{line}", ".".join(map(str, (*path, name))), problem)
            seen.setdefault(name, line)
            yield from _duplicates(file, value, (*path, name))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _duplicates(file, value, (*path, index))
