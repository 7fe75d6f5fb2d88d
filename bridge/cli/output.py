"""How commands speak: rows as table, columns, CSV or JSON lines; one line for an error; documented exit codes."""

import csv
import io
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,}Z")

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.", rich_help_panel="Output")]
Csv = Annotated[bool, typer.Option("--csv", help="Comma-separated values.", rich_help_panel="Output")]
Watch = Annotated[
    float | None,
    typer.Option(
        "--watch",
        "-w",
        metavar="SECONDS",
        min=0.2,
        help="Show it again so often, until Ctrl-C.",
        rich_help_panel="Output",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


class ExitCode(IntEnum):
    """What the exit status says."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    REFUSED = 3  # by risk, the broker, or a journal that is damaged
    OUTCOME_UNKNOWN = 4
    NOT_REACHABLE = 5
    PROBLEMS_FOUND = 6


class Form(Enum):
    """How rows are written."""

    AUTO = "auto"
    JSON = "json"
    CSV = "csv"


def form(*, as_json: bool, as_csv: bool = False) -> Form:
    """The form two flags ask for."""
    if as_json and as_csv:
        fail("--json and --csv exclude each other", ExitCode.USAGE)
    return Form.JSON if as_json else Form.CSV if as_csv else Form.AUTO


def console(*, stderr: bool = False) -> Console:
    """A console on the stream as it is now. NO_COLOR and `--no-color` are heeded by rich."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, highlight=False, soft_wrap=not stream.isatty(), no_color=no_color())


def no_color() -> bool:
    """Whether colours are unwanted."""
    return bool(os.environ.get("NO_COLOR"))


def fail(message: str, code: ExitCode = ExitCode.ERROR) -> NoReturn:
    """Say why on standard error and end."""
    text = Text("fixbridge: ", style="bold red")
    text.append(message, style="default not bold")
    console(stderr=True).print(text)
    raise typer.Exit(code)


def rows(
    columns: Sequence[str],
    items: Iterable[Mapping[str, Any]],
    *,
    form: Form = Form.AUTO,
    right: Iterable[str] = (),
    empty: str = "",
    header: bool = True,
) -> None:
    """Write items; `columns` are their keys, `right` those to be aligned right, `empty` what to say of no rows.

    `header` False leaves the line of names out of CSV.
    """
    found = list(items)
    if form is Form.JSON:
        for item in found:
            print(json.dumps(item, default=_plain_json, ensure_ascii=False))
        return
    if form is Form.CSV:
        text = io.StringIO()
        lines = [[cell(item.get(column)) for column in columns] for item in found]
        csv.writer(text, lineterminator="\n").writerows([columns, *lines] if header else lines)
        print(text.getvalue(), end="")
        return
    if not found:
        if empty:
            print(empty, file=sys.stderr)
        return
    if sys.stdout.isatty():
        console().print(table(columns, found, right=right))
        return
    aligned = set(right)
    body = [[_short(cell(item.get(column))) for column in columns] for item in found]
    titles = [_title(column) for column in columns]
    widths = [max(map(len, values)) for values in zip(titles, *body, strict=True)]
    for line in (titles, *body):
        padded = (
            value.rjust(width) if column in aligned else value.ljust(width)
            for column, value, width in zip(columns, line, widths, strict=True)
        )
        print("  ".join(padded).rstrip())


def listed(
    columns: Sequence[str],
    read: Callable[[], Iterable[Mapping[str, Any]]],
    *,
    form: Form = Form.AUTO,
    right: Iterable[str] = (),
    empty: str = "",
    watch: float | None = None,
) -> None:
    """`rows` of what `read` gives; with `watch` again and again, until Ctrl-C, which is the normal end then."""
    if watch is None:
        rows(columns, read(), form=form, right=right, empty=empty)
        return
    if form is Form.AUTO and sys.stdout.isatty():
        live(lambda: table(columns, list(read()), right=right, empty=empty), every=watch)
        return

    def write(header: bool) -> None:
        rows(columns, read(), form=form, right=right, empty=empty, header=header)
        sys.stdout.flush()

    repeat(write, every=watch)


def live(draw: Callable[[], RenderableType], *, every: float) -> None:
    """Draw over what was drawn before, every so many seconds; below it where there is no terminal."""
    if not sys.stdout.isatty():
        repeat(lambda first: console().print(draw()), every=every)
        return
    with Live(draw(), console=console(), auto_refresh=False) as screen:
        repeat(lambda first: None if first else screen.update(draw(), refresh=True), every=every)


def repeat(act: Callable[[bool], None], *, every: float) -> None:
    """Call `act(first)` every so many seconds until Ctrl-C."""
    try:
        act(True)
        while True:
            time.sleep(every)
            act(False)
    except KeyboardInterrupt:
        return


def table(
    columns: Sequence[str], items: Sequence[Mapping[str, Any]], *, right: Iterable[str] = (), empty: str = ""
) -> RenderableType:
    """Items as a table of the terminal."""
    shown = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    aligned = set(right)
    for column in columns:
        shown.add_column(_title(column), justify="right" if column in aligned else "left", overflow="fold")
    for item in items:
        shown.add_row(*(Text(_short(cell(item.get(column)))) for column in columns))
    return shown if items or not empty else Group(shown, Text(empty, style="dim"))


def confirm(what: str, word: str, *, yes: bool) -> None:
    """Go on only when `word` is typed, or with `--yes`."""
    if not yes and typer.prompt(f"{what} Type {word} to go on") != word:
        fail("nothing was done")


def _title(column: str) -> str:
    return column.replace("_", " ").upper()


def cell(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)


def moment(text: str | None) -> datetime | None:
    """A time given on the command line, UTC unless it says otherwise."""
    if text is None:
        return None
    try:
        time_ = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{text} is no time; write 2026-11-24T14:00 (UTC)", ExitCode.USAGE)
    return time_.replace(tzinfo=UTC) if time_.tzinfo is None else time_


def _short(text: str) -> str:
    """A time without what nobody reads: `2026-11-24T07:33:27.966654Z` → `2026-11-24 07:33:27.966`."""
    return f"{text[:10]} {text[11:23]}" if _TIME.fullmatch(text) else text


def _plain_json(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return format(value, "f") if isinstance(value, Decimal) else str(value)
