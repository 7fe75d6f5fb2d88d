"""Settings by name: `FIXBRIDGE_JOURNAL__DURABILITY` and `journal.durability` name the same key."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from bridge.settings.documents import scalar
from bridge.settings.secret import Secret
from bridge.settings.tree import Settings

PREFIX = "FIXBRIDGE_"

NOT_SETTINGS = frozenset({"CONFIG", "CONTEXT", "DEMO_PASSWORD", "FAULTS", "TOKEN", "TOKEN_FILE", "URL", "WAKE_FD"})
"""Variables with our prefix that are no settings: for the command line, the SDK and our own child process."""


class UnknownName(ValueError):
    """No setting has this name; the message says which is meant, or which there are."""


def named(environ: Mapping[str, str]) -> Iterable[tuple[str, list[str], str]]:
    """Every variable that is a setting, as (variable, path in words, text), sorted by name."""
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and variable.removeprefix(PREFIX) not in NOT_SETTINGS:
            yield variable, variable.removeprefix(PREFIX).split("__"), environ[variable]


def place_value(data: dict[str, Any], words: Sequence[str], text: str, variable: str | None) -> tuple[str | int, ...]:
    """Put `text` at the key that `words` name and return the key's path. Raises UnknownName or ValueError.

    `variable` is the environment variable it came from: a secret is then referred to by that name.
    """
    node: Any = data
    kind: Any = Settings
    path: tuple[str | int, ...] = ()
    for index, word in enumerate(words):
        last = index == len(words) - 1
        step, kind = _step(node, kind, word)
        path = (*path, step)
        if last:
            value = _value(kind, text, variable)
            if isinstance(step, int) and step == len(node):
                node.append(value)
            else:
                node[step] = value
            break
        if isinstance(step, int):
            if step == len(node):
                node.append([] if _is_list(kind) else {})
        elif not isinstance(node.get(step), dict | list):
            node[step] = [] if _is_list(kind) else {}
        node = node[step]
    return path


def _step(node: Any, kind: Any, word: str) -> tuple[str | int, Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = {(field.alias or name): field for name, field in kind.model_fields.items()}
        for name, field in fields.items():
            if _bare(name) == _bare(word):
                return name, _inner(field.annotation)
        raise UnknownName(_suggest(word, fields))
    if _is_list(kind):
        item = _inner(get_args(kind)[0])
        if word.isdecimal():
            if int(word) > len(node):
                raise UnknownName(f"there are {len(node)} entries, numbered from 0")
            return int(word), item
        for index, entry in enumerate(node):
            if _bare(_name(entry)) == _bare(word):
                return index, item
        raise UnknownName(_suggest(word, [_name(entry) for entry in node]) or "an index from 0")
    if get_origin(kind) is dict:
        for key in node:
            if _bare(key) == _bare(word):
                return key, _inner(get_args(kind)[1])
        return word, _inner(get_args(kind)[1])
    raise UnknownName("it has no keys below it")


def _value(kind: Any, text: str, variable: str | None) -> Any:
    if kind is Secret:
        return {"env": variable} if variable else text
    if kind is str:
        return text
    return scalar(text)


def _inner(annotation: Any) -> Any:
    """The type without Annotated and None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _inner(get_args(annotation)[0])
    if origin in (Union, UnionType):
        options = [option for option in get_args(annotation) if option is not type(None)]
        return _inner(options[0]) if len(options) == 1 else annotation
    return annotation


def _is_list(kind: Any) -> bool:
    return get_origin(kind) in (list, tuple)


def _name(entry: Any) -> str:
    if not isinstance(entry, dict):
        return ""
    metadata = entry.get("metadata")
    inner = metadata.get("name") if isinstance(metadata, dict) else None
    return str(entry.get("name") or entry.get("comp_id") or inner or "")


def _suggest(word: str, names: Iterable[str]) -> str:
    by_bare = {_bare(name): name for name in names if name}
    if close := get_close_matches(_bare(word), by_bare, n=1, cutoff=0.7):
        return f"did you mean {by_bare[close[0]]}?"
    return ", ".join(by_bare.values())


def _bare(word: str) -> str:
    return word.replace("_", "").replace("-", "").replace(".", "").lower()
