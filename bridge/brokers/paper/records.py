"""What happened at the paper exchange: its own facts, one line each in its own book.

They are to the exchange what events are to the engine: written before they are told, folded into its state, and all
there is to know after a restart. Times are UTC nanoseconds as the caller's clock gave them; prices per unit in the
instrument's currency, quantities in units of OrderQty(38), money in the account's currency. Fields are only ever
added, with defaults.
"""

from decimal import Decimal

import msgspec

from bridge.orders.reasons import ReasonCode
from fixspec.enums import CxlRejReason, ExecInst, ExecRestatementReason, OrdType, Side, TimeInForce

VERSION = 1
ONE = Decimal(1)
ZERO = Decimal(0)


class Record(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, tag_field="is", tag=str.lower):
    """Root of the records; `at` is when."""

    at: int


class Opened(Record, frozen=True):
    """First record of a book. `book` is part of every id it gives out, so that a new book never repeats an old id.

    `next_no` is the number of the next order; before `dropped` (UTC ns) the book has forgotten what has ended.
    """

    book: str
    version: int = VERSION
    next_no: int = 1
    dropped: int = 0


class Funded(Record, frozen=True):
    """An account was opened, or its cash was changed: by hand, by interest."""

    account: str
    amount: Decimal
    currency: str
    why: str = "opening balance"


class Carried(Record, frozen=True):
    """An account as it stood when older records were dropped: holdings as (symbol, quantity, cost, realised profit)."""

    account: str
    cash: Decimal
    fees: Decimal
    holdings: tuple[tuple[str, Decimal, Decimal, Decimal], ...] = ()


class Reset(Record, frozen=True):
    """An account was emptied: no positions, no fees, this cash."""

    account: str
    cash: Decimal


class Accepted(Record, frozen=True):
    """An order was taken in. `no` numbers the orders of a book; `expires` is when its time in force ends, None for
    never.
    """

    no: int
    id: str
    account: str
    symbol: str
    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce
    qty: Decimal
    price: Decimal | None = None
    stop_px: Decimal | None = None
    exec_inst: tuple[ExecInst, ...] = ()
    expires: int | None = None
    extended: bool = False
    trail: Decimal | None = None
    aliases: tuple[str, ...] = ()  # ids it had before, where older records were dropped


class Rejected(Record, frozen=True):
    """An order was refused; its id stays used."""

    id: str
    account: str
    symbol: str
    side: Side
    ord_type: OrdType
    qty: Decimal
    code: ReasonCode
    text: str
    broker_code: str | None = None


class Triggered(Record, frozen=True):
    """The trigger price of a stop was reached."""

    no: int


class Trailed(Record, frozen=True):
    """The trigger price of a trailing stop followed the market."""

    no: int
    stop_px: Decimal


class Filled(Record, frozen=True):
    """The `execution`th execution of an order. `made`: it was resting and gave the liquidity. `level`: the displayed
    price whose size it used, None when it was filled out of a printed trade. `rate`: the account's currency per unit of
    the instrument's. `carried`: told before older records were dropped, its money is in `Carried`.
    """

    no: int
    execution: int
    qty: Decimal
    px: Decimal
    fee: Decimal = ZERO
    made: bool = False
    level: Decimal | None = None
    rate: Decimal = ONE
    carried: bool = False
    revision: int = 0


class Corrected(Record, frozen=True):
    """An execution has another quantity or price now."""

    no: int
    execution: int
    revision: int
    qty: Decimal
    px: Decimal


class Busted(Record, frozen=True):
    """An execution was taken back."""

    no: int
    execution: int
    revision: int


class Replaced(Record, frozen=True):
    """New terms are in force under `id`; whether the order kept its place depends on what changed."""

    no: int
    id: str
    ord_type: OrdType
    time_in_force: TimeInForce
    qty: Decimal
    price: Decimal | None = None
    stop_px: Decimal | None = None
    exec_inst: tuple[ExecInst, ...] = ()
    expires: int | None = None


class Restated(Record, frozen=True):
    """The exchange changed an order by itself, or a halt of it ended."""

    no: int
    reason: ExecRestatementReason
    qty: Decimal | None = None
    price: Decimal | None = None
    stop_px: Decimal | None = None
    text: str | None = None


class Suspended(Record, frozen=True):
    """An order cannot be executed for now."""

    no: int
    text: str


class Canceled(Record, frozen=True):
    """The remainder is cancelled; `reason` when nobody asked."""

    no: int
    reason: ExecRestatementReason | None = None
    text: str | None = None


class Expired(Record, frozen=True):
    """The time in force ended."""

    no: int
    text: str | None = None


class Halted(Record, frozen=True):
    """Trading in a symbol stopped."""

    symbol: str
    text: str


class Resumed(Record, frozen=True):
    """Trading in a symbol goes on."""

    symbol: str


class Printed(Record, frozen=True):
    """The first trade in a symbol was printed: from now on stops there are triggered by trades."""

    symbol: str


class Split(Record, frozen=True):
    """`old` units of a symbol became `new`."""

    symbol: str
    new: int
    old: int


AnyRecord = (
    Opened
    | Funded
    | Carried
    | Reset
    | Accepted
    | Rejected
    | Triggered
    | Trailed
    | Filled
    | Corrected
    | Busted
    | Replaced
    | Restated
    | Suspended
    | Canceled
    | Expired
    | Halted
    | Resumed
    | Printed
    | Split
)


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What is told but changes nothing, and so is not recorded; `id` is the client order id of the request."""

    id: str


class CancelRefusal(Answer, frozen=True):
    """A cancel came too late or names no order."""

    reason: CxlRejReason
    text: str


class ReplaceRefusal(Answer, frozen=True):
    """A replace is refused; the order keeps its terms."""

    reason: CxlRejReason
    text: str


class Repeated(Answer, frozen=True):
    """An order was sent again under a known id: what became of it is told again, nothing is done. `no` 0: too long
    ago.
    """

    no: int
