"""The options by which every command finds its settings, and what happens when they are wrong."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.output import ExitCode, console, fail
from bridge.settings import Settings, SettingsError
from bridge.settings.documents import Path_, Place
from bridge.settings.load import load_with_places

Config = Annotated[
    list[Path] | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Configuration file; repeat it for several, later ones win. FIXBRIDGE_CONFIG names some, parted by ':'. "
        "Without any, built-in defaults.",
        rich_help_panel="Settings",
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", "-d", metavar="DIR", help="Data directory.", rich_help_panel="Settings"),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="One setting, e.g. listeners.fix.port=9999. Wins over environment and files.",
        rich_help_panel="Settings",
    ),
]


def settings(
    config: Sequence[Path] | None, data_dir: Path | None, set_: Sequence[str] | None, *, live: bool = True
) -> Settings:
    """The effective settings; prints every fault and exits 2 when there is one.

    `live` True does not ask for `--live`: right for whoever only looks.
    """
    return settings_with_places(config, data_dir, set_, live=live)[0]


def settings_with_places(
    config: Sequence[Path] | None, data_dir: Path | None, set_: Sequence[str] | None, *, live: bool = True
) -> tuple[Settings, dict[Path_, Place]]:
    """As `settings`, with where each given key came from."""
    overrides = {}
    for pair in set_ or ():
        key, equals, value = pair.partition("=")
        if not equals or not key:
            fail(f"--set {pair}: expected KEY=VALUE", ExitCode.USAGE)
        overrides[key.strip()] = value
    if data_dir is not None:
        overrides["data_dir"] = str(data_dir)
    try:
        return load_with_places(files(config), os.environ, overrides=overrides, live=live)
    except SettingsError as error:
        for problem in error.problems:
            console(stderr=True).print(str(problem), markup=False)
        count = len(error.problems)
        fail(f"{count} problem{'s' * (count > 1)} in the configuration, nothing was started", ExitCode.USAGE)


def files(config: Sequence[Path] | None) -> list[Path]:
    """The files named by options, else by FIXBRIDGE_CONFIG."""
    if config:
        return list(config)
    return [Path(name) for name in os.environ.get("FIXBRIDGE_CONFIG", "").split(":") if name]
