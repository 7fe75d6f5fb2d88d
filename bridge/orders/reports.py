"""What a broker may tell us: its word, not yet a fact. `decide.report` turns a report into events, or into nothing.

Every report names the order by `broker_client_id`, the id we minted and journalled before the send; `broker_order_id`
is an
attribute that may change. Adapters build these and nothing else. Times are the broker's own where it gives them.
"""

from datetime import datetime
from decimal import Decimal

import msgspec

from bridge.orders.events import Request, Source
from bridge.orders.reasons import ReasonCode
from fixspec.enums import CxlRejReason, ExecRestatementReason, LastLiquidityInd, OrdStatus, OrdType, Side, TimeInForce


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Root of all reports. At least one of the two ids is given."""

    broker: str
    broker_client_id: str | None = None
    broker_order_id: str | None = None
    transact_time: datetime | None = None
    source: Source = Source.LIVE


class Acknowledged(Report, frozen=True, kw_only=True):
    """The broker has the order and works it; `held` while it waits for a trigger or for the session to open."""

    held: bool = False


class Refused(Report, frozen=True, kw_only=True):
    """The broker refused the order for good: proof, not a guess."""

    code: ReasonCode = ReasonCode.BROKER_REJECT
    text: str
    broker_code: str | None = None


class Executed(Report, frozen=True, kw_only=True):
    """One execution, or with `revision` > 0 the corrected form of the execution of the same root.

    `broker_exec_id` is unique per revision; `exec_root` is equal in all revisions (the id itself where the broker has
    none).
    """

    broker_exec_id: str
    exec_root: str | None = None
    revision: int = 0
    symbol: str | None = None
    side: Side | None = None
    account: str | None = None
    last_qty: Decimal
    last_px: Decimal
    liquidity: LastLiquidityInd | None = None
    last_mkt: str | None = None
    commission: Decimal | None = None


class Busted(Report, frozen=True, kw_only=True):
    """The broker took the execution `exec_root` back."""

    exec_root: str
    broker_exec_id: str


class CommissionKnown(Report, frozen=True, kw_only=True):
    """The commission of an execution told before; `commission` of that execution, in `currency`."""

    exec_root: str
    commission: Decimal
    currency: str | None = None


class Replaced(Report, frozen=True, kw_only=True):
    """The broker works the new terms. Terms that are None are as they were requested."""

    order_qty: Decimal | None = None
    price: Decimal | None = None
    stop_px: Decimal | None = None
    emulated: bool = False


class Restated(Report, frozen=True, kw_only=True):
    """The broker changed the order by itself."""

    reason: ExecRestatementReason = ExecRestatementReason.OTHER
    order_qty: Decimal | None = None
    price: Decimal | None = None
    stop_px: Decimal | None = None
    text: str | None = None


class Canceled(Report, frozen=True, kw_only=True):
    """The remainder is cancelled, asked for or not; `reason` only when nobody asked."""

    reason: ExecRestatementReason | None = None
    text: str | None = None


class CancelRefused(Report, frozen=True, kw_only=True):
    """The cancel was refused; the order may live or have ended, its state is asked for separately."""

    cxl_rej_reason: CxlRejReason = CxlRejReason.OTHER
    text: str
    broker_code: str | None = None


class ReplaceRefused(Report, frozen=True, kw_only=True):
    """The replace was refused; the order keeps its terms."""

    cxl_rej_reason: CxlRejReason = CxlRejReason.BROKER_OPTION
    text: str
    broker_code: str | None = None


class Expired(Report, frozen=True, kw_only=True):
    """The time in force ended."""

    text: str | None = None


class DoneForDay(Report, frozen=True, kw_only=True):
    """No more work today."""


class Suspended(Report, frozen=True, kw_only=True):
    """The broker suspended the order."""

    text: str | None = None


class NoAnswer(Report, frozen=True, kw_only=True):
    """A request was sent, or may have been, and no answer came: the outcome is unknown until the broker is asked."""

    request: Request
    text: str


class Absent(Report, frozen=True, kw_only=True):
    """The broker proved (by the adapter's fence) that it has never known the order: not a timeout, not an empty
    page.
    """

    text: str


class BrokerOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order as the broker lists it, for reconciliation."""

    broker_client_id: str | None
    broker_order_id: str
    account: str
    symbol: str
    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce = TimeInForce.DAY
    order_qty: Decimal
    price: Decimal | None = None
    stop_px: Decimal | None = None
    cum_qty: Decimal = Decimal(0)
    avg_px: Decimal | None = None
    ord_status: OrdStatus = OrdStatus.NEW


class BrokerPosition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A position as the broker lists it: `qty` signed, `avg_px` and `mark` per unit in the instrument's currency."""

    account: str
    symbol: str
    qty: Decimal
    avg_px: Decimal | None = None
    mark: Decimal | None = None


class BrokerAccount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An account as the broker states it, in `currency`; `taken_ns` is our clock (UTC ns) when it was told."""

    account: str
    currency: str
    cash: Decimal
    equity: Decimal
    buying_power: Decimal
    taken_ns: int
    margin_account: bool = False
    shorting_allowed: bool = False
    net_transfers: Decimal = Decimal(0)  # money moved in less money moved out since the account's trading day began
