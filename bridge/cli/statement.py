"""`statement DAY`: the reconciliation of a day, from the journal; needs no daemon."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import typer

from bridge.cli.book import released, unreadable
from bridge.cli.loading import Config, DataDir, Set, settings
from bridge.cli.output import Csv, ExitCode, Form, Json, console, fail, form, rows
from bridge.interfaces import JournalError
from bridge.journal.evidence import replay
from bridge.journal.reader import JournalReader
from bridge.settings import Settings
from bridge.statement import Statement, bounds
from bridge.statement import statement as reckon

SECTIONS = {
    "orders": ("end", "orders", "of_these_entered", "of_these_external"),
    "executions": ("account", "symbol", "executions", "busted", "corrected", "bought", "sold", "value", "fees"),
    "positions": (
        "account",
        "symbol",
        "start",
        "bought",
        "sold",
        "adopted",
        "end",
        "avg_px",
        "realised",
        "fees",
        "difference",
    ),
    "breaks": ("seq", "time", "broker", "kind", "account", "symbol", "ours", "theirs"),
    "refusals": ("code", "source", "count"),
}
WORDS = frozenset({"end", "account", "symbol", "time", "broker", "kind", "code", "source"})
NOTHING = {
    "orders": "no order",
    "executions": "no execution",
    "positions": "no position",
    "breaks": "no difference with any broker",
    "refusals": "nothing was refused",
}


def statement(
    day: Annotated[str, typer.Argument(metavar="DAY", help="2026-11-24, today or yesterday.")] = "today",
    zone: Annotated[
        str, typer.Option("--zone", "-z", help="Whose midnight begins the day, e.g. America/New_York.")
    ] = "UTC",
    account: Annotated[str | None, typer.Option("--account", "-a", help="Only this account's trades.")] = None,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show the day's reconciliation: orders by end, executions, positions, fees, breaks, refusals.

    Exits 6 when executions do not explain a position, or a broker differed in the day. With --json and --csv every row
    names its section.
    """
    found = settings(config, data_dir, set_)
    told = _reckoned(found, day, zone)
    wanted = form(as_json=as_json, as_csv=as_csv)
    sections = {name: _rows(told, name, account) for name in SECTIONS}
    if wanted is Form.AUTO:
        console().print(
            f"{told.day} {zone}, entries {told.after + 1} to {told.upto}, {told.comparisons} comparisons with brokers",
            markup=False,
        )
        for name, columns in SECTIONS.items():
            print()
            if sections[name]:
                rows(columns, sections[name], right=_numbers(name, columns))
            else:
                print(NOTHING[name])
    else:
        columns = ("section", *dict.fromkeys(column for each in SECTIONS.values() for column in each))
        rows(columns, [{"section": name, **row} for name in SECTIONS for row in sections[name]], form=wanted)
    if not told.good:
        fail("the day does not reconcile", ExitCode.PROBLEMS_FOUND)


def _reckoned(found: Settings, day: str, zone: str) -> Statement:
    try:
        where = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        fail(f"{zone} is no time zone; write America/New_York", ExitCode.USAGE)
    wanted = _day(day, where)
    begin, end = bounds(wanted, where)
    upto = released(found)
    try:
        book = replay(found.journal_dir, upto=upto, until=begin)
        entries = JournalReader(found.journal_dir).read(book.seq, upto) if upto > book.seq else ()
        return reckon(wanted, end, book, entries)
    except JournalError as error:
        unreadable(error)


def _day(text: str, zone: ZoneInfo) -> date:
    today = datetime.now(UTC).astimezone(zone).date()
    if text in ("today", "yesterday"):
        return today - timedelta(days=text == "yesterday")
    try:
        return date.fromisoformat(text)
    except ValueError:
        fail(f"{text} is no day; write 2026-11-24, today or yesterday", ExitCode.USAGE)
    raise AssertionError("every branch has ended")


def _rows(told: Statement, section: str, account: str | None) -> list[dict[str, Any]]:
    found = [msgspec.structs.asdict(row) for row in getattr(told, section)]
    return [row for row in found if account is None or row.get("account", account) == account]


def _numbers(section: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(column for column in columns if column not in WORDS or (section, column) == ("positions", "end"))
