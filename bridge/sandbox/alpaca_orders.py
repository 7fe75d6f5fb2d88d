"""The sandbox's orders, as Alpaca writes them: every number a decimal string, every time RFC 3339 with nanoseconds."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

ZERO = Decimal(0)
OPEN = frozenset(
    {"new", "partially_filled", "accepted", "held", "pending_new", "pending_cancel", "pending_replace", "suspended"}
)


def number(value: Decimal | None) -> str | None:
    """A decimal as Alpaca writes it."""
    if value is None:
        return None
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def timestamp(ns: int | None) -> str | None:
    """RFC 3339 with nanoseconds, as Alpaca writes times."""
    if ns is None:
        return None
    return f"{datetime.fromtimestamp(ns // 1_000_000_000, UTC):%Y-%m-%dT%H:%M:%S}.{ns % 1_000_000_000:09}Z"


@dataclass
class SandboxOrder:
    """One order. `qty` None and `notional` set: an order by value."""

    client_order_id: str
    symbol: str
    asset_class: str
    side: str
    type: str
    time_in_force: str
    qty: Decimal | None
    notional: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    extended_hours: bool
    created: int
    status: str = "pending_new"
    id: str = field(default_factory=lambda: str(uuid4()))
    updated: int = 0
    filled_qty: Decimal = ZERO
    filled_value: Decimal = ZERO
    before_qty: Decimal = ZERO  # executed by the orders it replaced
    filled_at: int | None = None
    ended_at: int | None = None
    replaces: str | None = None
    replaced_by: str | None = None
    triggered: bool = False
    carry: bool = False  # tells `filled_qty` with what the replaced orders had filled
    cancel_wanted: bool = False
    reject_reason: str | None = None

    @property
    def open(self) -> bool:
        """Anything may still happen to it."""
        return self.status in OPEN

    @property
    def left(self) -> Decimal:
        """What may still be executed. `qty` is the total of a replace chain."""
        return ZERO if self.qty is None else self.qty - self.before_qty - self.filled_qty

    @property
    def price_limit(self) -> Decimal | None:
        """The worst price it takes, None for any."""
        return self.limit_price if self.type in ("limit", "stop_limit") else None

    def body(self) -> dict[str, Any]:
        """The order as REST and the stream write it."""
        told = self.filled_qty + (self.before_qty if self.carry else ZERO)
        average = self.filled_value / self.filled_qty if self.filled_qty else None
        return {
            "id": self.id,
            "client_order_id": self.client_order_id,
            "created_at": timestamp(self.created),
            "updated_at": timestamp(self.updated or self.created),
            "submitted_at": timestamp(self.created),
            "filled_at": timestamp(self.filled_at),
            "expired_at": timestamp(self.ended_at) if self.status == "expired" else None,
            "canceled_at": timestamp(self.ended_at) if self.status == "canceled" else None,
            "failed_at": timestamp(self.ended_at) if self.status == "rejected" else None,
            "replaced_at": timestamp(self.ended_at) if self.status == "replaced" else None,
            "replaced_by": self.replaced_by,
            "replaces": self.replaces,
            "asset_id": "b0b6dd9d-8b9b-48a9-ba46-b9d54906e415",
            "symbol": self.symbol,
            "asset_class": self.asset_class,
            "notional": number(self.notional),
            "qty": number(self.qty) if self.notional is None else None,
            "filled_qty": number(told),
            "filled_avg_price": None if average is None else number(average.quantize(Decimal("0.000001"))),
            "order_class": "",
            "order_type": self.type,
            "type": self.type,
            "side": self.side,
            "position_intent": f"{self.side}_to_open",
            "time_in_force": self.time_in_force,
            "limit_price": number(self.limit_price),
            "stop_price": number(self.stop_price),
            "status": self.status,
            "extended_hours": self.extended_hours,
            "legs": None,
            "trail_percent": None,
            "trail_price": None,
            "hwm": None,
            "subtag": None,
            "source": None,
        }
