"""What happened at the paper exchange: its own facts, one line each in its own record.

They are to the exchange what events are to the engine: written before they are told, folded into its state, and all
there is to know after a restart. Times are UTC nanoseconds as the clock of the caller gave them; prices per unit in
the instrument's currency, quantities in units of OrderQty(38), money in the account's currency.
"""

from decimal import Decimal

import msgspec

from bridge.orders.reasons import ReasonCode
from fixspec.enums import CxlRejReason, ExecInst, ExecRestatementReason, OrdType, Side, TimeInForce

VERSION = 1


class Record(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, tag_field="is", tag=str.lower):
    """Root of the records; `at` is when."""

    at: int


class Opened(Record, frozen=True):
    """First record of a book. `book` is part of every id it gives out, so that a new book never repeats an old id."""

    book: str
    version: int = VERSION


class Funded(Record, frozen=True):
    """An account was opened, or its cash was changed by hand, by a fee or by interest."""

    account: str
    amount: Decimal
    currency: str
    why: str = "opening balance"


class Accepted(Record, frozen=True):
    """An order was taken in. `no` numbers the orders of a book from 1."""

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
    session: str | None = None


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


class Triggered(Record, frozen=True):
    """The trigger price of a stop was reached."""

    no: int


class Filled(Record, frozen=True):
    """The `execution`th execution of an order. `made`: it was resting and gave the liquidity; `level` the displayed
    price whose size it used, None when it was filled out of a printed trade.
    """

    no: int
    execution: int
    qty: Decimal
    px: Decimal
    fee: Decimal = Decimal(0)
    made: bool = False
    level: Decimal | None = None


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
    """The exchange changed an order by itself."""

    no: int
    reason: ExecRestatementReason
    qty: Decimal | None = None
    price: Decimal | None = None
    stop_px: Decimal | None = None
    text: str | None = None


class Canceled(Record, frozen=True):
    """The remainder is cancelled; `reason` when nobody asked."""

    no: int
    reason: ExecRestatementReason | None = None
    text: str | None = None


class Expired(Record, frozen=True):
    """The time in force ended."""

    no: int
    text: str | None = None


AnyRecord = (
    Opened
    | Funded
    | Accepted
    | Rejected
    | Triggered
    | Filled
    | Corrected
    | Busted
    | Replaced
    | Restated
    | Canceled
    | Expired
)


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What is told but changes nothing, and so is not recorded; `id` is the client order id of the request."""

    id: str


class CancelRefusal(Answer, frozen=True):
    """A cancel came too late or names no order."""

    no: int
    reason: CxlRejReason
    text: str


class ReplaceRefusal(Answer, frozen=True):
    """A replace is refused; the order keeps its terms."""

    no: int
    reason: CxlRejReason
    text: str


class Repeated(Answer, frozen=True):
    """An order was sent again under a known id: what became of it is told again, nothing is done."""

    no: int
