"""The options by which every command finds its settings or its daemon, and what happens when they are wrong."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli import contexts
from bridge.cli.output import ExitCode, console, fail
from bridge.cli.remote import Remote
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


def target(config: Sequence[Path] | None, data_dir: Path | None, set_: Sequence[str] | None) -> Settings | Remote:
    """Where the command goes: a data directory here by its settings, or a daemon elsewhere by its context."""
    place = _place(config, data_dir)
    if place is not None and (remote := place.remote()) is not None:
        return remote
    return settings(config, data_dir, set_)


def settings(
    config: Sequence[Path] | None,
    data_dir: Path | None,
    set_: Sequence[str] | None,
    *,
    live: bool = True,
    here: bool = False,
) -> Settings:
    """The effective settings; prints every fault and exits 2 when there is one.

    `live` True does not ask for `--live`: right for whoever only looks. `here` True leaves contexts aside: for what
    starts something. A context that leads elsewhere is wrong usage.
    """
    place = None if here else _place(config, data_dir)
    if place is not None:
        if place.url is not None:
            fail(
                f"this command reads a data directory, and the context leads to {place.url}: run it on that machine",
                ExitCode.USAGE,
            )
        config = [Path(file) for file in place.config] or config
        data_dir = Path(place.data_dir) if place.data_dir is not None else data_dir
    return settings_with_places(config, data_dir, set_, live=live)[0]


def _place(config: Sequence[Path] | None, data_dir: Path | None) -> contexts.Place | None:
    """The context's place. What is said without a name of one, --data-dir and the like, goes before the current one."""
    elsewhere = data_dir is not None or config
    if contexts.chosen.get() is not None:
        if elsewhere:
            fail("--context says where; --data-dir and --config do so too", ExitCode.USAGE)
        return contexts.place()
    if elsewhere or os.environ.get("FIXBRIDGE_DATA_DIR") or os.environ.get("FIXBRIDGE_CONFIG"):
        return None
    return contexts.place()


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
