"""`tail` and `journal`: the entries as they are, as they come, checked, replayed, and exported."""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from bridge.cli.book import released, unreadable
from bridge.cli.engine import answered
from bridge.cli.loading import Config, DataDir, Set, settings, target
from bridge.cli.orders import ORDER_COLUMNS
from bridge.cli.output import Csv, ExitCode, Json, Yes, console, fail, form, moment, rows
from bridge.cli.remote import PAGE, Remote
from bridge.interfaces import JournalError
from bridge.journal import evidence
from bridge.journal import export as exporting
from bridge.journal import repair as repairing
from bridge.journal.encoding import decode, order_state, outward_of
from bridge.journal.export import Format
from bridge.journal.head import HeadReader
from bridge.journal.reader import JournalReader
from bridge.journal.state import blotter_at, fold
from bridge.settings import Settings

journal_app = typer.Typer(no_args_is_help=True, help="The book of record: list, print, verify, replay, export.")

After = Annotated[int, typer.Option("--after", metavar="SEQ", min=0, help="Only entries above this number.")]
Account = Annotated[str | None, typer.Option("--account", "-a", help="Only entries of this account.")]
Type = Annotated[
    list[str] | None, typer.Option("--type", "-t", help="Only events of this type, e.g. order_filled; may be repeated.")
]

POLL_SECONDS = 0.05
POLL_REMOTE_SECONDS = 0.5


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
    found = target(config, data_dir, set_)
    if isinstance(found, Remote):
        _tail_of(found, after, account, types, as_json=as_json)
        return
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
        unreadable(error)
    except KeyboardInterrupt:
        console(stderr=True).print(f"go on with --after {seq}", style="dim")
    finally:
        head.close()


def _tail_of(found: Remote, after: int | None, account: str | None, types: list[str] | None, *, as_json: bool) -> None:
    """The same from a daemon elsewhere, asked again and again."""
    with answered(found):
        seq = found.get("entries", limit=1)["seq"] if after is None else after
    asked = {"account": account, "type": ",".join(types) if types else None, "limit": PAGE}
    try:
        while True:
            with answered(found):
                page = found.get("entries", after=seq, **asked)
            for told in page["items"]:
                _print(told, msgspec.json.encode(told), as_json=as_json)
            behind = page["next"] < page["seq"]
            seq = max(seq, page["next"])
            if not behind:
                time.sleep(POLL_REMOTE_SECONDS)
    except KeyboardInterrupt:
        console(stderr=True).print(f"go on with --after {seq}", style="dim")


@journal_app.command("ls")
def list_(
    config: Config = None, data_dir: DataDir = None, set_: Set = None, as_json: Json = False, as_csv: Csv = False
) -> None:
    """List segments and snapshots."""
    found = _present(settings(config, data_dir, set_))
    listing = evidence.ls(found.journal_dir)
    shown: list[dict[str, Any]] = [
        {**msgspec.to_builtins(row), "file": row.name, "kind": "segment"} for row in listing.segments
    ]
    shown += [
        {"file": row.name, "kind": "snapshot", "last_seq": row.seq, "size": row.size, "whole": row.valid}
        for row in listing.snapshots
    ]
    rows(
        ("file", "kind", "first_seq", "last_seq", "size", "began", "epoch", "whole"),
        shown,
        form=form(as_json=as_json, as_csv=as_csv),
        right=("first_seq", "last_seq", "size", "epoch"),
        empty=f"{found.journal_dir} holds no segment",
    )


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
def verify(
    fold_again: Annotated[
        bool, typer.Option("--fold", help="Also fold everything again and compare with each snapshot.")
    ] = False,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    as_json: Json = False,
) -> None:
    """Check every line, the chain over all segments, the numbers and the snapshots. Exits 6 when something is damaged.

    Changes nothing and may run beside a daemon. A torn tail is no damage: a start cuts it.
    """
    found = _present(settings(config, data_dir, set_))
    began = time.monotonic()
    try:
        verdict = evidence.verify(found.journal_dir, fold=fold if fold_again else None)
    except JournalError as error:
        unreadable(error)
    if as_json:
        print(msgspec.json.encode(verdict).decode())
    for fault in verdict.faults:
        console(stderr=True).print(
            f"{fault.file} at byte {fault.offset}, after seq {fault.seq}: {fault.text}", markup=False
        )
    if not verdict.good:
        fail("the journal is damaged; see `fixbridge journal repair`", ExitCode.PROBLEMS_FOUND)
    if not as_json:
        torn = f", a torn tail of {verdict.torn} bytes that a start will cut" if verdict.torn else ""
        what = f"{verdict.entries} entries in {verdict.segments} segment(s) up to seq {verdict.last_seq}"
        snaps = f", {len(verdict.snapshots)} snapshot(s)"
        console().print(f"{what}{snaps}{torn}: whole ({time.monotonic() - began:.1f} s)", markup=False)


@journal_app.command()
def replay(
    upto: Annotated[int | None, typer.Option("--upto", metavar="SEQ", help="The book after this entry.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="The book just before that moment, UTC.")] = None,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    as_json: Json = False,
) -> None:
    """Fold the journal to a given moment and print the positions and working orders as they were."""
    found = _present(settings(config, data_dir, set_))
    try:
        book = evidence.replay(found.journal_dir, upto=upto, until=moment(until))
    except JournalError as error:
        unreadable(error)
    wanted = form(as_json=as_json)
    if not as_json:
        total = sum(1 for _ in book.orders())
        console().print(f"{total} orders, {sum(1 for _ in book.open_orders())} working", markup=False)
    rows(
        ("account", "symbol", "qty", "avg_px", "realised", "fees"),
        [msgspec.to_builtins(held) for held in book.positions() if held.qty],
        form=wanted,
        right=("qty", "avg_px", "realised", "fees"),
    )
    rows(
        ORDER_COLUMNS,
        [msgspec.to_builtins(order_state(order)) for order in book.open_orders()],
        form=wanted,
        right=("order_id", "order_qty", "price", "stop_px", "cum_qty", "avg_px"),
    )


@journal_app.command()
def repair(
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be given up.")] = False,
    yes: Yes = False,
) -> None:
    """Cut a damaged journal behind its last good entry and keep what is taken away. For people, after a look.

    Entries that were promised to be kept are given up: compare with every broker afterwards.
    """
    found = _present(settings(config, data_dir, set_))
    try:
        plan = repairing.plan(found.journal_dir)
        if plan is None:
            console().print("nothing is damaged")
            return
        console().print(f"{plan.file} is damaged at byte {plan.offset}: {plan.reason}", markup=False)
        console().print(
            f"kept up to seq {plan.kept_seq}; given up what follows, {plan.salvaged} entries of it are still readable; "
            f"numbers go on at {plan.next_seq}; moved aside: {', '.join(plan.moved) or 'nothing else'}",
            markup=False,
        )
        if dry_run:
            return
        if not yes and typer.prompt("Type repair to go on") != "repair":
            fail("nothing was done")
        done = repairing.repair(found.journal_dir, now=datetime.now(UTC))
    except (JournalError, OSError) as error:
        fail(str(error))
    console().print(f"repaired; what was taken away is in {done.aside if done else ''}", markup=False)


@journal_app.command()
def export(
    file: Annotated[Path, typer.Argument(help="A new file: .csv, .sqlite, .parquet, or .jsonl as published.")],
    after: After = 0,
    upto: Annotated[int | None, typer.Option("--upto", metavar="SEQ", help="Only entries up to this number.")] = None,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
) -> None:
    """Write entries to a file for other tools; quantities and prices stay decimal text."""
    found = _present(settings(config, data_dir, set_))
    kinds: dict[str, Format] = {".csv": "csv", ".sqlite": "sqlite", ".parquet": "parquet"}
    end = released(found) if upto is None else min(upto, released(found))
    try:
        if file.suffix == ".jsonl":
            count = _export_lines(found, file, after, end)
        elif file.suffix in kinds:
            count = exporting.export(found.journal_dir, file, kinds[file.suffix], after=after, upto=end)
        else:
            fail(f"{file}: the name must end with .csv, .sqlite, .parquet or .jsonl", ExitCode.USAGE)
    except JournalError as error:
        unreadable(error)
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}")
    console().print(f"{count} entries written to {file}", markup=False)


def _export_lines(found: Settings, file: Path, after: int, upto: int) -> int:
    count = 0
    with file.open("xb") as out:
        for _, line in _outward(found, after, upto):
            out.write(line + b"\n")
            count += 1
    return count


def _present(found: Settings) -> Settings:
    if not found.journal_dir.is_dir():
        fail(f"no journal in {found.journal_dir}; name the data directory with --data-dir")
    return found


def _outward(found: Settings, after: int, upto: int | None) -> Iterator[tuple[dict[str, Any], bytes]]:
    end = released(found)
    end = end if upto is None else min(upto, end)
    try:
        book = blotter_at(found.journal_dir, min(after, end))
        for _, record in JournalReader(found.journal_dir).records(after, end):
            line = outward_of(record, book.apply(decode(record)))
            yield msgspec.json.decode(line), line
    except JournalError as error:
        unreadable(error)


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
