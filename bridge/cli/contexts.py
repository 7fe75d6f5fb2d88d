"""Named places: `--context NAME` stands for the URL and token of a daemon elsewhere, or for a data directory here.

They are kept in `~/.config/fixbridge/contexts.yaml`, readable for this user only; a token is never in it, only the name
of its file.
"""

import os
import ssl
import tempfile
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
import typer
import yaml

from bridge.cli.output import Csv, ExitCode, Json, console, fail, form, rows
from bridge.cli.remote import Remote

context_app = typer.Typer(
    no_args_is_help=True, help="Named places for --context: a daemon's URL and token, or a data directory."
)

chosen: ContextVar[str | None] = ContextVar("context", default=None)
"""What `--context` or FIXBRIDGE_CONTEXT named in this invocation."""


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Where a context leads: `url` (with `token_file`, `ca`), or `data_dir` (with `config` files)."""

    url: str | None = None
    token_file: str | None = None
    ca: str | None = None
    data_dir: str | None = None
    config: tuple[str, ...] = ()

    def remote(self) -> Remote | None:
        """The daemon at `url`; None for a data directory. Fails when the token cannot be read, or others can."""
        if self.url is None:
            return None
        try:
            return Remote(self.url, self._token(), ca=self.ca)
        except (OSError, ssl.SSLError) as error:
            fail(f"{self.ca}: {error}")

    def _token(self) -> str | None:
        if self.token_file is None:
            return None
        path = Path(self.token_file)
        try:
            if path.stat().st_mode & 0o077:
                fail(f"{path} can be read by other users: chmod 600 {path}")
            return path.read_text().strip()
        except OSError as error:
            fail(f"{path} cannot be read: {error.strerror}")


class Places(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The file: places by name, and the one that is meant where none is named."""

    current: str | None = None
    contexts: dict[str, Place] = {}


def path() -> Path:
    """Where the file is."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "fixbridge" / "contexts.yaml"


def load() -> Places:
    """What is in the file; nothing when there is none."""
    try:
        document: Any = yaml.safe_load(path().read_text())
        return msgspec.convert(document or {}, Places)
    except FileNotFoundError:
        return Places()
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        fail(f"{path()}: {error}", ExitCode.USAGE)


def save(places: Places) -> None:
    """Write the file anew, whole or not at all."""
    target = path()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = yaml.safe_dump(msgspec.to_builtins(places), sort_keys=False)
    with tempfile.NamedTemporaryFile("w", dir=target.parent, delete=False) as file:  # 0600
        file.write(text)
    Path(file.name).replace(target)


def place() -> Place | None:
    """The place this invocation is about: the one named, else the current one; None for neither."""
    name = chosen.get()
    places = load()
    if name is None:
        name = places.current
    if name is None:
        return None
    if name not in places.contexts:
        known = ", ".join(places.contexts) or "none"
        fail(f"there is no context {name}; known are {known}", ExitCode.USAGE)
    return places.contexts[name]


@context_app.command("ls")
def list_(as_json: Json = False, as_csv: Csv = False) -> None:
    """List the contexts; the current one is marked."""
    places = load()
    rows(
        ("current", "name", "url", "data_dir", "config", "token_file"),
        [
            {"current": "*" if name == places.current else "", "name": name, **_told(place)}
            for name, place in places.contexts.items()
        ],
        form=form(as_json=as_json, as_csv=as_csv),
        empty="no context; make one with `fixbridge context add NAME --url … --token-file …`",
    )


@context_app.command()
def add(
    name: str,
    url: Annotated[str | None, typer.Option(help="Where the daemon's HTTP is, e.g. https://desk.example:8080.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="File with the token, readable for you only.")] = None,
    ca: Annotated[Path | None, typer.Option(help="Authorities of an https URL; absent means the system's.")] = None,
    data_dir: Annotated[Path | None, typer.Option("--data-dir", "-d", help="A data directory here.")] = None,
    config: Annotated[list[Path] | None, typer.Option("--config", "-c", help="Its configuration files.")] = None,
) -> None:
    """Make a context, or change one of that name."""
    if (url is None) == (data_dir is None and not config):
        fail("give --url, or --data-dir or --config", ExitCode.USAGE)
    if url is None and (token_file is not None or ca is not None):
        fail("--token-file and --ca belong to --url", ExitCode.USAGE)
    if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc):
        fail(f"{url} is not http://host:port or https://host:port", ExitCode.USAGE)
    if url is not None and "@" in urlsplit(url).netloc:
        fail("no user and password in the URL: a token goes into a file, --token-file", ExitCode.USAGE)
    made = Place(
        url=url,
        token_file=_absolute(token_file),
        ca=_absolute(ca),
        data_dir=_absolute(data_dir),
        config=tuple(str(file.expanduser().absolute()) for file in config or ()),
    )
    if url is not None:
        made.remote()  # its files are looked at now rather than with the first command
    places = load()
    places.contexts = {**places.contexts, name: made}
    _write(places)
    console().print(f"{name} leads to {url or data_dir or made.config[0]}", markup=False)


@context_app.command()
def use(
    name: Annotated[str | None, typer.Argument(help="Absent: none, as before there were contexts.")] = None,
) -> None:
    """Let commands without --context, --data-dir and --config mean this one."""
    places = load()
    if name is not None and name not in places.contexts:
        fail(f"there is no context {name}; known are {', '.join(places.contexts) or 'none'}", ExitCode.USAGE)
    places.current = name
    _write(places)
    console().print(f"commands go to {name}" if name else "commands go to ./var again", markup=False)


@context_app.command()
def rm(name: str) -> None:
    """Forget a context. Its token and its daemon stay."""
    places = load()
    if name not in places.contexts:
        fail(f"there is no context {name}")
    places.contexts = {other: place for other, place in places.contexts.items() if other != name}
    places.current = None if places.current == name else places.current
    _write(places)
    console().print(f"{name} forgotten", markup=False)


def _absolute(file: Path | None) -> str | None:
    return str(file.expanduser().absolute()) if file is not None else None


def _told(place: Place) -> dict[str, Any]:
    return {
        key: value if isinstance(value, str) else ", ".join(value) for key, value in msgspec.to_builtins(place).items()
    }


def _write(places: Places) -> None:
    try:
        save(places)
    except OSError as error:
        fail(f"{path()} cannot be written: {error.strerror}")
