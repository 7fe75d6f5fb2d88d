"""`diff`: what a configuration would change about the running daemon. All of it takes a restart."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.cli.engine import ask
from bridge.cli.loading import Config, DataDir, Set, settings
from bridge.cli.output import Csv, ExitCode, Json, form, rows

ABSENT = object()


def diff(
    file: Annotated[list[Path] | None, typer.Argument(metavar="FILE…", help="Files, read together.")] = None,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show what a configuration would change about the running daemon, key by key.

    The configuration is FILE, the environment and --set as for `run`; the daemon is the one of --data-dir, else of the
    configuration's own data directory. Exits 6 when something differs, 0 when nothing does.
    """
    wanted = settings([*(file or []), *(config or [])] or None, data_dir, set_)
    running = ask(wanted, "configuration", dict[str, Any])
    ours = json.loads(wanted.dump())
    # a data directory is the same one however it is written
    for each in (running, ours):
        each.pop("data_dir", None)
    found = list(differences(running, ours))
    rows(
        ("key", "running", "would_be"),
        found,
        form=form(as_json=as_json, as_csv=as_csv),
        empty="nothing would change",
    )
    if found:
        raise typer.Exit(ExitCode.PROBLEMS_FOUND)


def differences(running: Any, wanted: Any) -> Iterator[dict[str, Any]]:
    """Every key that differs, as people write it: entries of lists by their names, absent values left out."""
    old, new = dict(_flat(running, "")), dict(_flat(wanted, ""))
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key, ABSENT), new.get(key, ABSENT)
        if before != after:
            yield {
                "key": key,
                "running": None if before is ABSENT else before,
                "would_be": None if after is ABSENT else after,
            }


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        for index, each in enumerate(value):
            yield from _flat(each, f"{path}[{_name(each) or index}]")
    elif isinstance(value, dict | list):
        yield path, json.dumps(value)
    else:
        yield path, value


def _name(entry: dict[str, Any]) -> str:
    """What tells an entry of a list from the others: a limit's rule and place, a session's or a broker's name."""
    if "rule" in entry:
        return " ".join(str(entry[key]) for key in ("rule", "scope", "name") if entry.get(key))
    metadata = entry.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return str(entry.get("name") or name or entry.get("comp_id") or "")
