"""Reading it all: files, then the environment over them, then options over both; then everything is checked at once."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.orders.events import Mode
from bridge.settings.consistency import faults
from bridge.settings.documents import Document, Path_, Place, read
from bridge.settings.environment import PREFIX, UnknownName, named, place_value
from bridge.settings.problems import Problem, SettingsError
from bridge.settings.schema import SECRETS, Walker
from bridge.settings.secret import Secret
from bridge.settings.tree import Account, Durability, Settings, paper_broker

_DEFAULT = Place("default")


def load(
    files: Sequence[Path | str] = (),
    environ: Mapping[str, str] | None = None,
    *,
    overrides: Mapping[str, str] | None = None,
    live: bool = False,
) -> Settings:
    """The effective settings. `overrides` maps dotted keys to text; `live` is the operator's `--live`.

    Raises SettingsError with every fault found.
    """
    return load_with_places(files, environ, overrides=overrides, live=live)[0]


def load_with_places(
    files: Sequence[Path | str] = (),
    environ: Mapping[str, str] | None = None,
    *,
    overrides: Mapping[str, str] | None = None,
    live: bool = False,
) -> tuple[Settings, dict[Path_, Place]]:
    """As `load`, with where each given key came from."""
    environ = os.environ if environ is None else environ
    reading = _Reading()
    for file in files:
        reading.take_file(Path(file))
    reading.fill_in_lists()
    for variable, words, text in named(environ):
        reading.take_text(variable, words, text, variable)
    for key, text in (overrides or {}).items():
        reading.take_text(f"option {key}", key.split("."), text, None)
    reading.resolve_paths()
    return reading.settings(environ, live=live), reading.places


def from_dump(text: str, environ: Mapping[str, str] | None = None) -> Settings:
    """What `Settings.dump` wrote, with its secrets read again. Raises SettingsError."""
    settings = Settings.model_validate_json(text)
    problems = [
        Problem("configuration", _key(path, {}), sentence)
        for path, secret in _secrets(settings, ())
        if (sentence := secret.resolve(os.environ if environ is None else environ))
    ]
    if problems:
        raise SettingsError(problems)
    return settings


class _Reading:
    """One load under way: plain data, the place of each key, and the faults so far."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.places: dict[Path_, Place] = {}
        self.problems: list[Problem] = []
        self.walker = Walker()

    def take_file(self, file: Path) -> None:
        """Merge a file's documents in."""
        documents, problems = read(file)
        self.problems.extend(problems)
        if not documents and not problems:
            self.problems.append(Problem(str(file), "", "holds no document"))
        for document in documents:
            kind = document.data.get("kind")
            if kind == "BridgeConfig":
                self._merge(self.data, document.data, (), document)
            elif kind == "BrokerSpec":
                self._add_broker(document)
            else:
                where = document.places.get(("kind",), document.place)
                text = "unknown document" if "kind" in document.data else "missing"
                found = repr(kind) if "kind" in document.data else ""
                self.problems.append(Problem(str(where), "kind", text, found, "BridgeConfig, BrokerSpec"))

    def _merge(self, into: dict[str, Any], data: dict[str, Any], path: Path_, document: Document) -> None:
        """Mappings key by key, anything else as a whole: a later document wins."""
        for key, value in data.items():
            here = (*path, key)
            if isinstance(value, dict) and isinstance(into.get(key), dict):
                self._merge(into[key], value, here, document)
                continue
            into[key] = value
            for stale in [old for old in self.places if old[: len(here)] == here]:
                del self.places[stale]
            self.places.update({p: place for p, place in document.places.items() if p[: len(here)] == here})

    def _add_broker(self, document: Document) -> None:
        brokers = self.data.setdefault("brokers", [])
        metadata = document.data.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        for index, other in enumerate(brokers):
            if name is not None and isinstance(other.get("metadata"), dict) and other["metadata"].get("name") == name:
                first = self.places.get(("brokers", index, "metadata", "name"), _DEFAULT)
                where = document.places.get(("metadata", "name"), document.place)
                text = f"a second BrokerSpec of this name, the first is in {first}"
                self.problems.append(Problem(str(where), "metadata.name", text, str(name)))
        self.places[("brokers", len(brokers))] = document.place
        self.places.update({("brokers", len(brokers), *path): place for path, place in document.places.items()})
        brokers.append(document.data)

    def fill_in_lists(self) -> None:
        """Lists that nobody gave, so that single values in them can be named."""
        self.data.setdefault("sessions", [{"comp_id": "STRATEGY"}])
        if not self.data.get("brokers"):
            self.data["brokers"] = [paper_broker().model_dump(mode="json", by_alias=True, exclude_defaults=True)]

    def take_text(self, source: str, words: Sequence[str], text: str, variable: str | None) -> None:
        """A value from the environment or an option."""
        try:
            path = place_value(self.data, words, text, variable)
        except UnknownName as error:
            self.problems.append(Problem(source, "", f"names no setting: {error}"))
        except ValueError as error:
            self.problems.append(Problem(source, "", str(error)))
        except (TypeError, AttributeError):
            self.problems.append(
                Problem(source, "", "cannot be set: the file has something else than a mapping above it")
            )
        else:
            for stale in [old for old in self.places if old[: len(path)] == path]:
                del self.places[stale]
            self.places[path] = Place(source)

    def resolve_paths(self) -> None:
        """A relative path in a file is meant from where the file is."""
        for path, value, put in list(_leaves(self.data, ())):
            if isinstance(value, str) and self.walker.is_path(path):
                directory = self._place(path).directory
                expanded = Path(value).expanduser()
                put(str(directory / expanded if directory and not expanded.is_absolute() else expanded))

    def settings(self, environ: Mapping[str, str], *, live: bool) -> Settings:
        """Check and complete. Raises SettingsError."""
        try:
            settings = _decide(Settings.model_validate(self.data))
        except ValidationError as error:
            self.problems.extend(self._problem(detail) for detail in error.errors(include_url=False))
            raise SettingsError(self._sorted()) from None
        for path, secret in _secrets(settings, ()):
            if sentence := secret.resolve(environ):
                self.problems.append(Problem(str(self._place(path)), _key(path, self.data), sentence))
        for fault in faults(settings, live=live):
            place = str(self._place(fault.path))
            self.problems.append(Problem(place, _key(fault.path, self.data), fault.text, fault.found, fault.allowed))
        if self.problems:
            raise SettingsError(self._sorted())
        return settings

    def _sorted(self) -> list[Problem]:
        def order(problem: Problem) -> tuple[str, int, str]:
            source, _, line = problem.where.rpartition(":")
            return (source, int(line), problem.key) if line.isdecimal() else (problem.where, 0, problem.key)

        return sorted(dict.fromkeys(self.problems), key=order)

    def _place(self, path: Path_) -> Place:
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        below = (place for given, place in self.places.items() if given[: len(path)] == path)
        return next(below, _DEFAULT)

    def _problem(self, error: ErrorDetails) -> Problem:
        path = _real(tuple(error["loc"]), self.data)
        where, key = str(self._place(path)), _key(path, self.data)
        if error["type"] == "extra_forbidden":
            close = self.walker.closest(path[:-1], str(path[-1]))
            text = f"unknown key; did you mean {close}?" if close else "unknown key"
            allowed = ", ".join(self.walker.keys(path[:-1]))
            return Problem(where, key, text, allowed=allowed)
        if error["type"] == "missing":
            return Problem(where, key, "missing", allowed=self.walker.allowed(path))
        text = "not usable"
        if error["type"] == "value_error":
            text = str(error["ctx"]["error"]) if "ctx" in error else error["msg"]
        return Problem(where, key, text, self._found(path, error["input"]), self.walker.allowed(path))

    def _found(self, path: Path_, value: Any) -> str:
        schema = self.walker.at(path) or {}
        if schema.get("title") == "Secret" or SECRETS & set(map(str, path)) or isinstance(value, dict | list | tuple):
            return ""
        text = repr(value) if isinstance(value, str) else str(value)
        if "://" in text and "@" in text:
            return ""
        return text if len(text) <= 60 else f"{text[:57]}..."


def _decide(settings: Settings) -> Settings:
    """Fill in what depends on other settings."""
    live = any(spec.live for spec in settings.brokers)
    mode = settings.mode or (Mode.LIVE if live else Mode.PAPER)
    accounts = settings.accounts or tuple(
        Account(name=spec.broker.account or spec.name, broker=spec.name) for spec in settings.brokers
    )
    durability = settings.journal.durability or (Durability.SYNC if mode is Mode.LIVE else Durability.WRITE)
    only = (accounts[0].name,) if len(accounts) == 1 else ()
    sessions = tuple(
        session.model_copy(
            update={
                "accounts": session.accounts or only,
                "custom_tags": mode is Mode.PAPER if session.custom_tags is None else session.custom_tags,
            }
        )
        for session in settings.sessions
    )
    return settings.model_copy(
        update={
            "mode": mode,
            "accounts": accounts,
            "sessions": sessions,
            "journal": settings.journal.model_copy(update={"durability": durability}),
        }
    )


def _secrets(value: Any, path: Path_) -> Iterator[tuple[Path_, Secret]]:
    if isinstance(value, Secret):
        yield path, value
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _secrets(getattr(value, name), (*path, field.alias or name))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _secrets(item, (*path, index))


def _leaves(node: Any, path: Path_) -> Iterator[tuple[Path_, Any, Callable[[Any], None]]]:
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        if isinstance(value, dict | list):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value, lambda new, key=key: node.__setitem__(key, new)  # type: ignore[misc]


def _real(loc: Path_, data: Any) -> Path_:
    """The validator's location without the steps that are not keys of ours (union branches and the like)."""
    path: Path_ = ()
    node = data
    for index, step in enumerate(loc):
        if step in node if isinstance(node, dict) else isinstance(node, list) and _within(node, step):
            node = node[step]
        elif isinstance(node, dict) and index == len(loc) - 1:
            return (*path, step)
        else:
            break
        path = (*path, step)
    return path


def _within(node: list[Any], step: str | int) -> bool:
    return isinstance(step, int) and step < len(node)


def _key(path: Path_, data: dict[str, Any]) -> str:
    """A path as people write it; inside a BrokerSpec or session by its name."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    if len(path) > 1 and path[0] == "brokers" and isinstance(path[1], int):
        rest = text.removeprefix(f"brokers[{path[1]}]").removeprefix(".")
        metadata = data.get("brokers", [{}] * (path[1] + 1))[path[1]].get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        return f"BrokerSpec {name or path[1]}: {rest}" if rest else f"BrokerSpec {name or path[1]}"
    return text


__all__ = ["PREFIX", "from_dump", "load", "load_with_places"]
