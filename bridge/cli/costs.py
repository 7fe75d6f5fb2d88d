"""`costs`: what execution cost, from the journal."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.cli.book import released, unreadable
from bridge.cli.loading import Config, DataDir, Set, settings
from bridge.cli.output import Csv, ExitCode, Form, Json, fail, form, moment, rows
from bridge.cost_export import ParquetMissing, flat, page, write_csv, write_parquet
from bridge.cost_rows import CostRows
from bridge.cost_table import DIMENSIONS, UnknownDimension, table
from bridge.interfaces import JournalError
from bridge.journal.reader import JournalReader
from bridge.orders.blotter import Blotter
from bridge.orders.events import Entry
from bridge.settings import Settings

SHOWN = (
    "currency", "orders", "fills", "value", "slippage_bps", "cost", "effective_spread_bps", "shortfall_bps",
    "delay_bps", "trading_bps", "opportunity_bps", "fees_bps", "fill_ratio", "reject_ratio", "to_first_fill_s",
)  # fmt: skip


def costs(
    by: Annotated[str, typer.Option("--by", help=f"Dimensions, comma-separated: {', '.join(DIMENSIONS)}.")] = "broker",
    account: Annotated[str | None, typer.Option("--account", "-a", help="Only this account.")] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="Only orders from then on, UTC.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Only orders before then, UTC.")] = None,
    fills: Annotated[bool, typer.Option("--fills", help="Every fill instead of groups.")] = False,
    orders: Annotated[bool, typer.Option("--orders", help="Every order instead of groups.")] = False,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page with plots.")] = None,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", metavar="FILE", help="Write the rows as Parquet (needs pyarrow).")
    ] = None,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Execution cost: arrival, spread, shortfall and its parts, markouts, fill ratios and times.

    Basis points, a cost is positive; means are weighted by value. Reads the journal itself, so it needs no daemon.
    """
    form_ = form(as_json=as_json, as_csv=as_csv)
    found = collected(settings(config, data_dir, set_), account, moment(since), moment(until))
    names = tuple(name for name in by.split(",") if name)
    try:
        groups = table(found, names)
    except UnknownDimension as error:
        fail(str(error), ExitCode.USAGE)
    chosen: list[Any] = list(found.fills.values()) if fills else list(found.orders.values()) if orders else list(groups)
    try:
        if html is not None:
            html.write_text(page(found, names, title=f"Execution cost by {by}", made=datetime.now(UTC)))
        if parquet is not None:
            write_parquet(chosen, parquet)
    except (OSError, ParquetMissing) as error:
        fail(str(error))
    if html is not None or parquet is not None:
        return
    if form_ is Form.CSV:
        write_csv(chosen, sys.stdout)
        return
    items = [flat(row) for row in chosen]
    columns = list(items[0]) if items and (fills or orders) else [*names, *SHOWN]
    right = [name for name in columns if name not in names]
    rows(columns, items, form=form_, right=right, empty="no orders in this time")


def collected(found: Settings, account: str | None, since: datetime | None, until: datetime | None) -> CostRows:
    """Rows of the whole journal, then those of the account and time asked for. Exits when it cannot be read."""
    collecting, book = CostRows(), Blotter()
    try:
        for entry in _entries(found):
            collecting.on_entry(entry, book.apply(entry))
    except JournalError as error:
        unreadable(error)
    kept = {
        order_id: row
        for order_id, row in collecting.orders.items()
        if (account is None or row.account == account)
        and (since is None or row.time >= since)
        and (until is None or row.time < until)
    }
    collecting.orders = kept
    collecting.fills = {exec_id: row for exec_id, row in collecting.fills.items() if row.order_id in kept}
    return collecting


def _entries(found: Settings) -> Iterator[Entry]:
    return JournalReader(found.journal_dir).read(0, released(found))
