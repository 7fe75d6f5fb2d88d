"""`tail` and `journal`: the entries as they are, as they come, checked, and exported."""

import csv
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from bridge.cli.book import released
from bridge.cli.loading import Config, DataDir, Set, settings
from bridge.cli.output import Csv, ExitCode, Json, console, fail, form, rows
from bridge.interfaces import JournalError
from bridge.journal.encoding import decode, outward_of
from bridge.journal.errors import JournalDamaged
from bridge.journal.format import first_seq, segments
from bridge.journal.head import HeadReader
from bridge.journal.reader import JournalReader
from bridge.journal.snapshot import snapshots
from bridge.journal.state import blotter_at
from bridge.orders.blotter import Blotter
from bridge.orders.order import Order
from bridge.settings import Settings

journal_app = typer.Typer(no_args_is_help=True, help="The book of record: list, print, verify, replay, export.")

After = Annotated[int, typer.Option("--after", metavar="SEQ", min=0, help="Only entries above this number.")]
Account = Annotated[str | None, typer.Option("--account", "-a", help="Only entries of this account.")]
Type = Annotated[
    list[str] | None, typer.Option("--type", "-t", help="Only events of this type, e.g. order_filled; may be repeated.")
]

POLL_SECONDS = 0.05


def tail(
    after: Annotated[
        int | None, typer.Option("--after", metavar="SEQ", min=0, help="Begin above this number instead of now.")
    ] = None,
    account: Account = None,
    types: Type = None,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    as_json: Json = False,
) -> None:
    """Print entries as they come, each with the state of its order, until Ctrl-C.

    At the end it says by which --after to go on. Reads the journal itself, so it needs no daemon to answer.
    """
    found = settings(config, data_dir, set_)
    seq = released(found) if after is None else after
    head = HeadReader(found.journal_dir / "head")
    reader = JournalReader(found.journal_dir)
    try:
        book = blotter_at(found.journal_dir, seq)
        while True:
            upto = head.seq
            for number, record in reader.records(seq, upto) if upto > seq else ():
                seq = number
                order = book.apply(decode(record))
                told = msgspec.json.decode(outward_of(record, order))
                if _wanted(told, account, types):
                    _print(told, outward_of(record, order), as_json=as_json)
            seq = max(seq, upto)
            time.sleep(POLL_SECONDS)
    except JournalError as error:
        fail(str(error))
    except KeyboardInterrupt:
        console(stderr=True).print(f"go on with --after {seq}", style="dim")
    finally:
        head.close()


@journal_app.command("ls")
def list_(
    config: Config = None, data_dir: DataDir = None, set_: Set = None, as_json: Json = False, as_csv: Csv = False
) -> None:
    """List segments and snapshots."""
    found = settings(config, data_dir, set_)
    if not found.journal_dir.is_dir():
        fail(f"no journal in {found.journal_dir}; name the data directory with --data-dir")
    names = [path.name for path in found.journal_dir.iterdir()]
    shown = [_file(found.journal_dir / name, "segment", first_seq(name)) for name in segments(names)]
    shown += [_file(found.journal_dir / name, "snapshot", seq) for seq, name in snapshots(names)]
    rows(
        ("file", "kind", "seq", "bytes", "changed"),
        shown,
        form=form(as_json=as_json, as_csv=as_csv),
        right=("seq", "bytes"),
        empty=f"{found.journal_dir} holds no segment",
    )


def _file(path: Path, kind: str, seq: int | None) -> dict[str, Any]:
    status = path.stat()
    changed = datetime.fromtimestamp(status.st_mtime).astimezone().isoformat(timespec="seconds")
    return {"file": path.name, "kind": kind, "seq": seq, "bytes": status.st_size, "changed": changed}


@journal_app.command()
def cat(
    after: After = 0,
    upto: Annotated[int | None, typer.Option("--upto", metavar="SEQ", help="Only entries up to this number.")] = None,
    account: Account = None,
    types: Type = None,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    as_json: Json = False,
) -> None:
    """Print entries, a line each; with --json exactly as they are published, the order's state beside each."""
    found = settings(config, data_dir, set_)
    for told, line in _outward(found, after, upto):
        if _wanted(told, account, types):
            _print(told, line, as_json=as_json)


@journal_app.command()
def verify(config: Config = None, data_dir: DataDir = None, set_: Set = None) -> None:
    """Read everything: the checksums' chain, the order of the numbers, and that it folds. Exits 6 when damaged.

    May run beside a daemon: it looks up to what was released and changes nothing.
    """
    found = settings(config, data_dir, set_)
    upto = released(found)
    count, last, began = 0, 0, time.monotonic()
    book = Blotter()
    try:
        for number, record in JournalReader(found.journal_dir).records(0, upto):
            if number <= last:
                fail(f"entry {number} follows {last}: numbers must rise", ExitCode.PROBLEMS_FOUND)
            book.apply(decode(record))
            count, last = count + 1, number
    except JournalDamaged as error:
        fail(str(error), ExitCode.PROBLEMS_FOUND)
    except JournalError as error:
        fail(str(error))
    except (ValueError, KeyError, LookupError, AssertionError) as error:
        fail(f"entry after {last} does not fold: {type(error).__name__}: {error}", ExitCode.PROBLEMS_FOUND)
    if last < upto:
        fail(f"the journal ends at {last}, but {upto} was released", ExitCode.PROBLEMS_FOUND)
    seconds = time.monotonic() - began
    orders = sum(1 for _ in book.orders())
    console().print(f"{count} entries up to seq {last}, {orders} orders: whole ({seconds:.1f} s)", markup=False)


@journal_app.command()
def replay(
    upto: Annotated[
        int | None, typer.Option("--upto", metavar="SEQ", help="The book as it was after this entry.")
    ] = None,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    as_json: Json = False,
) -> None:
    """Fold the journal from its first entry, compare with the newest snapshot's way, and say what the book holds."""
    found = settings(config, data_dir, set_)
    end = released(found) if upto is None else upto
    book = Blotter()
    try:
        for entry in JournalReader(found.journal_dir).read(0, end):
            book.apply(entry)
        quick = blotter_at(found.journal_dir, end)
    except JournalError as error:
        fail(str(error))
    same = _state(book) == _state(quick)
    told = {"upto": end, "orders": sum(1 for _ in book.orders()), "open": sum(1 for _ in book.open_orders())}
    told |= {"positions": sum(1 for position in book.positions() if position.qty), "same_from_snapshot": same}
    rows(tuple(told), [told], form=form(as_json=as_json), right=tuple(told))
    if not same:
        fail("the fold from the first entry and the one from the snapshot differ", ExitCode.PROBLEMS_FOUND)


def _state(book: Blotter) -> tuple[list[Order], list[Any]]:
    orders = sorted(book.orders(), key=lambda order: order.order_id)
    return orders, sorted(book.positions(), key=lambda position: (position.account, position.symbol))


@journal_app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where to write it: .jsonl (as published) or .csv (one event a row).")],
    after: After = 0,
    account: Account = None,
    types: Type = None,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
) -> None:
    """Write entries to a file for other tools."""
    found = settings(config, data_dir, set_)
    if file.suffix not in (".jsonl", ".csv"):
        fail(f"{file}: the name must end with .jsonl or .csv", ExitCode.USAGE)
    count = 0
    try:
        with file.open("w", newline="", encoding="utf-8") as out:
            wanted = ((told, line) for told, line in _outward(found, after, None) if _wanted(told, account, types))
            if file.suffix == ".jsonl":
                for _, line in wanted:
                    out.write(line.decode() + "\n")
                    count += 1
            else:
                table = csv.DictWriter(out, CSV_COLUMNS, extrasaction="ignore", lineterminator="\n")
                table.writeheader()
                for told, _ in wanted:
                    table.writerow(_flat(told))
                    count += 1
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}")
    console().print(f"{count} entries written to {file}", markup=False)


CSV_COLUMNS = (
    "seq",
    "time",
    "type",
    "order_id",
    "session_id",
    "cl_ord_id",
    "account",
    "symbol",
    "side",
    "ord_type",
    "time_in_force",
    "order_qty",
    "price",
    "stop_px",
    "broker",
    "ord_status",
    "cum_qty",
    "leaves_qty",
    "avg_px",
    "exec_id",
    "last_qty",
    "last_px",
    "code",
    "text",
)


def _flat(told: dict[str, Any]) -> dict[str, Any]:
    return {**told.get("order", {}), **told["event"], "seq": told["seq"], "time": told["time"]}


def _outward(found: Settings, after: int, upto: int | None) -> Iterator[tuple[dict[str, Any], bytes]]:
    end = released(found)
    end = end if upto is None else min(upto, end)
    try:
        book = blotter_at(found.journal_dir, min(after, end))
        for _, record in JournalReader(found.journal_dir).records(after, end):
            line = outward_of(record, book.apply(decode(record)))
            yield msgspec.json.decode(line), line
    except JournalError as error:
        fail(str(error))


def _wanted(told: dict[str, Any], account: str | None, types: list[str] | None) -> bool:
    if types and told["event"]["type"] not in types:
        return False
    return account is None or account in (told.get("order", {}).get("account"), told["event"].get("account"))


def _print(told: dict[str, Any], line: bytes, *, as_json: bool) -> None:
    if as_json:
        print(line.decode(), flush=True)
        return
    event, order = told["event"], told.get("order", {})
    text = Text(f"{told['seq']:>8} ", style="dim")
    text.append(told["time"][11:23], style="dim")
    text.append(f"  {event['type']:<18}", style=_STYLES.get(event["type"], "bold"))
    if order:
        price = f" at {order['price']}" if "price" in order else ""
        text.append(f" {order['account']} {order['side']} {order.get('order_qty', '')} {order['symbol']}{price}")
        text.append(f"  {order['ord_status'].replace('_', ' ')}", style="cyan")
    if "last_qty" in event:
        text.append(f"  {event['last_qty']} at {event['last_px']}")
    for key in ("code", "text", "reason", "state", "rule"):
        if event.get(key):
            text.append(f"  {event[key]}", style="yellow")
    console().print(text, soft_wrap=True)
    sys.stdout.flush()


_STYLES = {
    "order_filled": "bold green",
    "order_rejected": "bold red",
    "cancel_rejected": "red",
    "order_canceled": "dim",
}
