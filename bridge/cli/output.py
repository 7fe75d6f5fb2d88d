"""How commands speak: rows as table, columns, CSV or JSON lines; one line for an error; documented exit codes."""

import csv
import io
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,}Z")

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.", rich_help_panel="Output")]
Csv = Annotated[bool, typer.Option("--csv", help="Comma-separated values.", rich_help_panel="Output")]
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
) -> None:
    """Write items; `columns` are their keys, `right` those to be aligned right, `empty` what to say of no rows."""
    found = list(items)
    if form is Form.JSON:
        for item in found:
            print(json.dumps(item, default=_plain_json, ensure_ascii=False))
        return
    if form is Form.CSV:
        text = io.StringIO()
        table = [[cell(item.get(column)) for column in columns] for item in found]
        csv.writer(text, lineterminator="\n").writerows([columns, *table])
        print(text.getvalue(), end="")
        return
    table = [[_short(cell(item.get(column))) for column in columns] for item in found]
    if not found:
        if empty:
            print(empty, file=sys.stderr)
        return
    titles = [column.replace("_", " ").upper() for column in columns]
    aligned = set(right)
    if sys.stdout.isatty():
        shown = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for column, title in zip(columns, titles, strict=True):
            shown.add_column(title, justify="right" if column in aligned else "left", overflow="fold")
        for line in table:
            shown.add_row(*map(Text, line))
        console().print(shown)
        return
    widths = [max(map(len, values)) for values in zip(titles, *table, strict=True)]
    for line in (titles, *table):
        padded = (
            value.rjust(width) if column in aligned else value.ljust(width)
            for column, value, width in zip(columns, line, widths, strict=True)
        )
        print("  ".join(padded).rstrip())


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
