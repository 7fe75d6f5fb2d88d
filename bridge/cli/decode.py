"""`decode`: FIX logs in words."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from bridge.cli.output import ExitCode, Json, console, fail, moment
from bridge.fixlog import LogLine, read
from fixspec.dictionary import FIX44

IDS = (11, 41, 37, 198, 17)
"""Fields by which an order is found: ClOrdID, OrigClOrdID, OrderID, SecondaryOrderID, ExecID."""


def decode(
    file: Annotated[Path, typer.Argument(help="A FIX log, or - for standard input.")],
    order: Annotated[
        str | None,
        typer.Option(
            "--order", "--cl-ord-id", "-o", metavar="ID", help="Only messages about this order: any of its ids."
        ),
    ] = None,
    session: Annotated[
        str | None, typer.Option("--session", "-s", help="Only this session, by name or CompID.")
    ] = None,
    msg_type: Annotated[
        list[str] | None,
        typer.Option("--type", "-t", help="Only these types, by MsgType(35) or name; may be repeated."),
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="From then on, UTC, e.g. 2026-11-24T14:00.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Up to then, UTC.")] = None,
    all_fields: Annotated[
        bool, typer.Option("--all", "-a", help="Header and trailer fields, heartbeats as well.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read a FIX log and print every message with the names of its fields and values.

    Takes this daemon's logs ([b]var/log[/b]), QuickFIX's, and bare messages with SOH or | between the fields.
    """
    types = {_msg_type(name) for name in msg_type or ()}
    begin, end = moment(since), moment(until)
    if str(file) != "-" and not file.is_file():
        fail(f"{file} is no file", ExitCode.USAGE)
    shown = 0
    for line in _lines(file):
        if isinstance(line, str):
            continue
        if not all_fields and not types and line.msg_type in ("0", "1"):
            continue
        if types and line.msg_type not in types:
            continue
        if session and session not in (line.session, line.get(49), line.get(56)):
            continue
        if order and order not in {line.get(tag) for tag in IDS}:
            continue
        if (begin and (line.time is None or line.time < begin)) or (end and (line.time is None or line.time > end)):
            continue
        shown += 1
        if as_json:
            _print_json(line)
        else:
            _print_words(line, all_fields=all_fields)
    if not shown:
        fail(f"{file} has no message that fits")


def _lines(file: Path) -> Iterator[LogLine | str]:
    try:
        if str(file) == "-":
            yield from read(sys.stdin)
        else:
            with file.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
                yield from read(lines)
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}")


def _print_json(line: LogLine) -> None:
    fields = [
        {"field": name, "value": value, **({"means": word} if word else {})} for name, value, word in line.fields()
    ]
    head = {"time": line.time.isoformat() if line.time else None, "session": line.session, "direction": line.direction}
    print(json.dumps({**head, "type": line.title, "msg_seq_num": line.get(34), "fields": fields}, ensure_ascii=False))


def _print_words(line: LogLine, *, all_fields: bool) -> None:
    text = Text()
    text.append(line.time.strftime("%Y-%m-%d %H:%M:%S.%f") if line.time else "no time", style="dim")
    text.append(f" {line.session}")
    text.append(f" {line.direction:<4}" if line.direction else " ", style="dim")
    text.append(line.title, style="bold red" if line.msg_type in ("3", "9", "j") else "bold")
    text.append(f" #{line.get(34)}" if line.get(34) else "", style="dim")
    for name, value, word in line.fields(all_fields=all_fields):
        label, _, tag = name.rpartition("(")
        text.append(f"  {label}")
        text.append(f"({tag}", style="dim")
        text.append(f"={value}", style="cyan")
        if word:
            text.append(f" {word.lower().replace('_', ' ')}", style="green")
    console().print(text, soft_wrap=True)


def _msg_type(name: str) -> str:
    found = [known for known, title in FIX44.messages.items() if name == known or name.lower() == title.lower()]
    if not found:
        fail(f"--type {name}: FIX 4.4 has no such message", ExitCode.USAGE)
    return found[0]
