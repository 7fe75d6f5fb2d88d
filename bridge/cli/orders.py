"""`orders`: list and show fold the journal and need no daemon; entering, replacing and cancelling asks the engine."""

import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Annotated, Any

import msgspec
import typer

from bridge.cli import book
from bridge.cli.controls import verdict
from bridge.cli.desk import Account, Symbol
from bridge.cli.engine import ask
from bridge.cli.loading import Config, DataDir, Set, target
from bridge.cli.output import Csv, ExitCode, Json, Watch, console, fail, form, listed
from bridge.cli.remote import Remote
from bridge.control import caller_name
from bridge.control_commands import Entrant, OrderAnswer, OrderChange, Verdict
from bridge.journal.encoding import OrderState, order_state
from bridge.journal.reader import JournalReader
from bridge.journal.state import blotter_at
from bridge.settings import Settings
from bridge.settings.broker import DefaultOrderType, Execution
from fixspec.enums import OrdStatus, OrdType, Side, TimeInForce
from fixspec.messages import NewOrderSingle

orders_app = typer.Typer(invoke_without_command=True, help="Orders: list, show, enter, replace, cancel.")


ORDER_COLUMNS = (
    "order_id",
    "received",
    "session_id",
    "cl_ord_id",
    "account",
    "symbol",
    "side",
    "ord_type",
    "order_qty",
    "price",
    "stop_px",
    "time_in_force",
    "ord_status",
    "cum_qty",
    "avg_px",
    "broker",
)
NUMBERS = ("order_id", "order_qty", "price", "stop_px", "cum_qty", "leaves_qty", "avg_px", "qty", "px")


class Buy(Enum):
    """What to do, in words."""

    BUY = "buy"
    SELL = "sell"
    SHORT = "short"


SIDES = {Buy.BUY: Side.BUY, Buy.SELL: Side.SELL, Buy.SHORT: Side.SELL_SHORT}


class Lasting(Enum):
    """TimeInForce(59) in words."""

    DAY = "day"
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"


LASTING = {
    Lasting.DAY: TimeInForce.DAY,
    Lasting.GTC: TimeInForce.GTC,
    Lasting.IOC: TimeInForce.IOC,
    Lasting.FOK: TimeInForce.FOK,
}


@orders_app.callback()
def orders(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Closed orders as well.")] = False,
    account: Account = None,
    symbol: Symbol = None,
    session: Annotated[str | None, typer.Option("--session", help="Only what this session entered.")] = None,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    watch: Watch = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """List working orders, oldest first."""
    context.obj = found = target(config, data_dir, set_)
    if context.invoked_subcommand is not None:
        return

    listed(
        ORDER_COLUMNS,
        lambda: book.orders(found, every=every, account=account, symbol=symbol, session=session),
        form=form(as_json=as_json, as_csv=as_csv),
        right=NUMBERS,
        empty="no order works" if not every else "no order was ever entered",
        watch=watch,
    )


@orders_app.command()
def show(
    context: typer.Context,
    order_id: Annotated[int, typer.Argument(metavar="ORDER", help="OrderID(37).")],
    as_json: Json = False,
) -> None:
    """Show everything that happened to one order."""
    found: Settings | Remote = context.obj
    if as_json:
        for _, entry in book.entries_of(found, order_id):
            print(entry.decode())
        return
    for key, value in book.order(found, order_id).items():
        print(f"{key:<18} {value}")
    print()
    history = [msgspec.json.decode(entry) for _, entry in book.entries_of(found, order_id)]
    for told in history:
        event = told["event"]
        rest = {key: value for key, value in event.items() if key not in ("type", "order_id")}
        print(f"{told['seq']:>8}  {told['time']}  {event['type']:<18} {' '.join(_words(rest))}")


@orders_app.command()
def new(
    context: typer.Context,
    side: Annotated[Buy, typer.Argument(help="buy, sell or short.")],
    symbol: str,
    quantity: Annotated[str, typer.Argument(help="OrderQty(38).")],
    limit: Annotated[str | None, typer.Option("--limit", "-l", help="Price(44); without it a market order.")] = None,
    stop: Annotated[str | None, typer.Option("--stop", help="StopPx(99): held until the market comes there.")] = None,
    time_in_force: Annotated[
        Lasting | None,
        typer.Option("--tif", "-t", help="How long it works. Absent: as the BrokerSpec says, else day."),
    ] = None,
    account: Annotated[str | None, typer.Option("--account", "-a", help="Absent means the only one.")] = None,
    cl_ord_id: Annotated[
        str | None, typer.Option("--id", help="ClOrdID(11); the same again is no second order.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Every rule's verdict; nothing is placed.")] = False,
    as_json: Json = False,
) -> None:
    """Enter an order. Exits 3 when it is refused, 4 when its outcome is unknown."""
    found: Settings | Remote = context.obj
    if account is None and isinstance(found, Settings):
        if len(found.accounts) > 1:
            fail(f"--account is needed: {', '.join(row.name for row in found.accounts)}", ExitCode.USAGE)
        account = found.accounts[0].name
    price, stop_px = number("--limit", limit), number("--stop", stop)
    kinds = {
        (False, False): OrdType.MARKET,
        (True, False): OrdType.LIMIT,
        (False, True): OrdType.STOP,
        (True, True): OrdType.STOP_LIMIT,
    }
    usual = _usual(found, account)
    ord_type = kinds[price is not None, stop_px is not None]
    if ord_type is OrdType.MARKET and usual.order_type not in (None, DefaultOrderType.MARKET):
        fail(f"give a price: {account} trades {usual.order_type.value} orders (execution.orderType)", ExitCode.USAGE)
    if time_in_force is None:
        time_in_force = Lasting(usual.time_in_force.value) if usual.time_in_force is not None else Lasting.DAY
    message = NewOrderSingle(
        cl_ord_id=cl_ord_id or f"cli-{secrets.token_hex(6)}",
        account=account,
        symbol=symbol,
        side=SIDES[side],
        transact_time=datetime.now(UTC),
        order_qty=number("quantity", quantity),
        ord_type=ord_type,
        price=price,
        stop_px=stop_px,
        time_in_force=LASTING[time_in_force],
    )
    if dry_run:
        verdict(ask(found, "dry_run", Verdict, order=message, entrant=_entrant()), as_json=as_json)
        return
    _answer(found, ask(found, "new_order", OrderAnswer, order=message, entrant=_entrant()), as_json=as_json)


@orders_app.command()
def replace(
    context: typer.Context,
    order_id: Annotated[int, typer.Argument(metavar="ORDER", help="OrderID(37).")],
    quantity: Annotated[str | None, typer.Option("--qty", "-q", help="New total OrderQty(38).")] = None,
    limit: Annotated[str | None, typer.Option("--limit", "-l", help="New Price(44).")] = None,
    stop: Annotated[str | None, typer.Option("--stop", help="New StopPx(99).")] = None,
    as_json: Json = False,
) -> None:
    """Ask for new terms; what is left out stays as it is."""
    change = OrderChange(
        cl_ord_id=f"cli-{secrets.token_hex(6)}",
        order_qty=number("--qty", quantity),
        price=number("--limit", limit),
        stop_px=number("--stop", stop),
    )
    if change.order_qty is None and change.price is None and change.stop_px is None:
        fail("give --qty, --limit or --stop", ExitCode.USAGE)
    answer = ask(context.obj, "replace_order", OrderAnswer, order_id=order_id, change=change, entrant=_entrant())
    _answer(context.obj, answer, as_json=as_json)


@orders_app.command()
def cancel(
    context: typer.Context,
    order_id: Annotated[list[int], typer.Argument(metavar="ORDER…", help="OrderID(37); several may be named.")],
    as_json: Json = False,
) -> None:
    """Ask for what is left to be cancelled."""
    for each in order_id:
        cl_ord_id = f"cli-{secrets.token_hex(6)}"
        answer = ask(context.obj, "cancel_order", OrderAnswer, order_id=each, cl_ord_id=cl_ord_id, entrant=_entrant())
        _answer(context.obj, answer, as_json=as_json)


def _usual(found: Settings | Remote, account: str | None) -> Execution:
    """What the account's BrokerSpec says of orders that leave it out."""
    if isinstance(found, Settings):
        for row in found.accounts:
            if row.name == account:
                return found.broker(row.broker).execution
    return Execution()  # the daemon may know the account all the same, and says so if not


def _words(fields: dict[str, Any]) -> Iterator[str]:
    for key, value in fields.items():
        yield f"{key}={value if not isinstance(value, dict | list) else msgspec.json.encode(value).decode()}"


def _entrant() -> Entrant:
    return Entrant(session_id=f"CLI:{caller_name('cli').removeprefix('cli:')}")


def number(what: str, text: str | None) -> Decimal | None:
    """A quantity or price from the command line; `what` names the option."""
    if text is None:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        fail(f"{what} {text}: no number", ExitCode.USAGE)
    return number


def _answer(found: Settings | Remote, answer: OrderAnswer, *, as_json: bool) -> None:
    """Print the order as the broker leaves it, or as it is when nothing came within two seconds."""
    order = _asked_for(found, answer) if isinstance(found, Remote) else _after_the_brokers_word(found, answer)
    if as_json:
        print(msgspec.json.encode(order).decode())
        return
    known = ", known already" if answer.replayed else ""
    console().print(f"{_line(order)}  (seq {order.last_seq}{known})", markup=False)
    if order.ord_status is OrdStatus.REJECTED:
        raise typer.Exit(ExitCode.REFUSED)
    if order.unknown is not None:
        fail("the broker has not answered; look at the order before you repeat anything", ExitCode.OUTCOME_UNKNOWN)


def _asked_for(found: Remote, answer: OrderAnswer) -> OrderState:
    """From a daemon elsewhere, which has waited for the broker's first word itself."""
    state, deadline = answer.order, time.monotonic() + 2.0
    while _unsettled(state) and time.monotonic() < deadline:
        time.sleep(0.05)
        state = msgspec.convert(found.get(f"orders/{state.order_id}"), OrderState, strict=False)
    return state


def _after_the_brokers_word(found: Settings, answer: OrderAnswer) -> OrderState:
    state, deadline = answer.order, time.monotonic() + 2.0
    blotter, seq = blotter_at(found.journal_dir, answer.seq), answer.seq
    reader = JournalReader(found.journal_dir)
    while _unsettled(state) and time.monotonic() < deadline:
        upto = book.released(found)
        for entry in reader.read(seq, upto) if upto > seq else ():
            blotter.apply(entry)
        seq = max(seq, upto)
        order = blotter.order(state.order_id)
        state = order_state(order) if order is not None else state
        time.sleep(0.01)
    return state


def _unsettled(order: OrderState) -> bool:
    """Whether the broker will soon have more to say: to a request, or to an order that does not rest."""
    if order.ord_status in (OrdStatus.PENDING_NEW, OrdStatus.PENDING_REPLACE, OrdStatus.PENDING_CANCEL):
        return True
    working = order.ord_status in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED)
    return working and (order.ord_type is OrdType.MARKET or order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK))


def _line(order: OrderState) -> str:
    told = msgspec.to_builtins(order)
    terms = [told["side"], told.get("order_qty", ""), order.symbol, told["ord_type"]]
    terms += [f"at {order.price}"] if order.price is not None else []
    terms += [f"stop {order.stop_px}"] if order.stop_px is not None else []
    filled = f", {order.cum_qty} filled at {order.avg_px}" if order.cum_qty else ""
    return f"order {order.order_id}: {' '.join(terms)}: {told['ord_status'].replace('_', ' ')}{filled}"
