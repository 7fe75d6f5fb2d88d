"""`check`, `init`, `config show`, `config schema`, `version`: looking at settings without starting anything."""

import json
import platform
import sys
from getpass import getpass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Annotated

import typer
from argon2 import PasswordHasher

from bridge.cli.loading import Config, DataDir, Set, files, settings, settings_with_places
from bridge.cli.output import ExitCode, Json, Yes, console, fail
from bridge.settings.schema import documents_schema
from bridge.settings.writing import effective, example

config_app = typer.Typer(no_args_is_help=True, help="Look at the configuration: [b]show[/b] it, or its [b]schema[/b].")


def check(
    file: Annotated[list[Path] | None, typer.Argument(metavar="FILE…", help="Files, read together.")] = None,
    config: Config = None,
) -> None:
    """Say whether a configuration is valid, without starting anything.

    Exits 0 when it is; else names file, line, key, what was found and what is allowed, and exits 2.
    """
    found = settings([*(file or []), *(config or [])], None, None, here=True)
    names = ", ".join(map(str, files([*(file or []), *(config or [])]))) or "built-in defaults"
    brokers = ", ".join(f"{spec.name} ({'live' if spec.live else 'paper'})" for spec in found.brokers)
    mode = found.mode.value if found.mode else ""
    console().print(f"{names}: valid; {mode}, {len(found.sessions)} session(s), broker {brokers}", markup=False)


def init(
    file: Annotated[Path, typer.Argument(help="Where to write it; - prints it.")] = Path("fixbridge.yaml"),
    yes: Yes = False,
) -> None:
    """Write a commented configuration with every key at its default."""
    if str(file) == "-":
        print(example(), end="")
        return
    if file.exists() and not yes:
        fail(f"{file} exists; --yes overwrites it")
    try:
        file.write_text(example())
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}")
    console().print(f"wrote {file}; start with: fixbridge run --config {file}", markup=False)


@config_app.command()
def show(config: Config = None, data_dir: DataDir = None, set_: Set = None, as_json: Json = False) -> None:
    """Print the values in force and where each one that was given came from.

    Secrets are shown as references, never as values.
    """
    found, places = settings_with_places(config, data_dir, set_)
    if as_json:
        print(found.dump())
    else:
        print(effective(found, places), end="")


@config_app.command()
def schema() -> None:
    """Print the JSON Schema of configuration documents.

    For editors: save it and begin the YAML file with `# yaml-language-server: $schema=FILE`.
    """
    print(json.dumps(documents_schema(), indent=2))


def password() -> None:
    """Make the hash of a session's password: what `sessions[].authentication.password_hash` refers to.

    Asks twice on a terminal, reads one line when piped. Only the hash is printed.
    """
    if sys.stdin.isatty():
        secret = getpass("Password: ")
        if getpass("Again: ") != secret:
            fail("the two differ")
    else:
        secret = sys.stdin.readline().rstrip("\r\n")
    if not secret:
        fail("an empty password protects nothing")
    print(PasswordHasher().hash(secret))


def version(as_json: Json = False) -> None:
    """Print the versions of fixbridge and of what it stands on."""
    versions = {
        "fixbridge": installed("fixbridge"),
        "python": platform.python_version(),
        **{name: installed(name) for name in ("uvloop", "msgspec", "simplefix")},
    }
    if as_json:
        print(json.dumps(versions))
    else:
        print("fixbridge", versions.pop("fixbridge"), f"({', '.join(f'{k} {v}' for k, v in versions.items())})")


EXIT_CODES = {
    ExitCode.DONE: "done",
    ExitCode.ERROR: "error",
    ExitCode.USAGE: "wrong usage or configuration",
    ExitCode.REFUSED: "refused by risk or broker, or the journal is damaged",
    ExitCode.OUTCOME_UNKNOWN: "outcome unknown",
    ExitCode.NOT_REACHABLE: "daemon not reachable",
    ExitCode.PROBLEMS_FOUND: "a check found problems",
}
