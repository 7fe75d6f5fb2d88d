"""Settings as YAML again: the commented example, and the effective values with where each came from."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from pathlib import Path
from textwrap import wrap
from typing import Any

from pydantic import BaseModel

from bridge.settings.documents import Path_, Place, scalar
from bridge.settings.secret import Secret
from bridge.settings.tree import BridgeConfig, Settings, paper_broker

_HEADER = """\
# fixbridge: a configuration with every key at its default. Keep what you change, delete the rest.
# Check it with `fixbridge check FILE`; paths are meant from where this file is.
# Each key can also be set from the environment: FIXBRIDGE_LISTENERS__FIX__PORT=9999.
# Secrets never stand here: write {env: NAME} or {file: PATH}.
"""


def example() -> str:
    """A commented document pair, BridgeConfig and the paper BrokerSpec, that loads to exactly the defaults."""
    lines = [_HEADER.rstrip()]
    lines += _mapping(BridgeConfig(), (), {}, comments=True)
    lines += ["---", "# One document per broker connection."]
    lines += _mapping(paper_broker(), (), {}, comments=True)
    return "\n".join(lines) + "\n"


def effective(settings: Settings, places: Mapping[Path_, Place] | None = None) -> str:
    """All values in force, as documents that load again; `places` adds to each given one where it came from."""
    places = places or {}
    config = BridgeConfig.model_construct(**{name: getattr(settings, name) for name in BridgeConfig.model_fields})
    lines = list(_mapping(config, (), places, comments=False))
    for index, spec in enumerate(settings.brokers):
        lines.append("---")
        lines += _mapping(spec, ("brokers", index), places, comments=False)
    return "\n".join(lines) + "\n"


def _mapping(model: BaseModel, path: Path_, places: Mapping[Path_, Place], *, comments: bool) -> Iterator[str]:
    for name, field in type(model).model_fields.items():
        key = field.alias or name
        value = getattr(model, name)
        if comments and field.description and not isinstance(value, BaseModel):
            yield from (f"# {line}" for line in wrap(field.description.replace("\n", " "), 100))
        if value is None:
            if comments:
                yield f"# {key}:"
            continue
        yield from _entry(key, value, (*path, key), places, comments=comments)


def _entry(key: str, value: Any, path: Path_, places: Mapping[Path_, Place], *, comments: bool) -> Iterator[str]:
    place = places.get(path)
    origin = f"  # {place}" if place is not None else ""
    if isinstance(value, BaseModel) and not isinstance(value, Secret):
        inner = list(_mapping(value, path, places, comments=comments))
        if not any(not line.lstrip().startswith("#") for line in inner):
            yield f"{key}: {{}}{origin}"
        else:
            yield f"{key}:"
        yield from (f"  {line}" for line in inner)
    elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        yield f"{key}:{origin}"
        for index, item in enumerate(value):
            inner = list(_mapping(item, (*path, index), places, comments=comments))
            first = next(i for i, line in enumerate(inner) if not line.startswith("#"))
            yield from (f"  {line}" for line in inner[:first])
            yield f"  - {inner[first]}"
            yield from (f"    {line}" for line in inner[first + 1 :])
    elif isinstance(value, Mapping) and value:
        yield f"{key}:{origin}"
        for name, inner_value in value.items():
            yield from (
                f"  {line}" for line in _entry(str(name), inner_value, (*path, name), places, comments=comments)
            )
    else:
        yield f"{key}: {_text(value)}{origin}"


def _text(value: Any) -> str:
    if isinstance(value, Secret):
        return str(value)
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, Mapping):
        return json.dumps(value, default=str)
    text = str(value) if isinstance(value, Path) else format(value)
    return text if _plain(text) else json.dumps(text, ensure_ascii=False)


def _plain(text: str) -> bool:
    if any(mark in text for mark in ",[]{}#&*!|>'\"%@`\n") or text.strip() != text:
        return False
    try:
        return bool(scalar(text) == text)
    except ValueError:
        return False
