"""Words and amounts as the bridge reads them."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from bridge.sdk.wire import amount
from fixspec.enums import ExecInst, Side, TimeInForce

Amount = str | int | Decimal

AMOUNTS = frozenset({"cash_order_qty", "min_qty", "max_floor", "decision_px", "order_qty", "price", "stop_px"})


def word(value: Any) -> Any:
    """An enum's word, a time's text; anything else as it is."""
    if isinstance(value, datetime):
        return value.isoformat()
    return getattr(value, "value", value)


def query(filters: dict[str, Any]) -> dict[str, Any]:
    """Filters as words and text, for a query string."""
    return {name: word(value) for name, value in filters.items()}


def new_order(
    side: Side | str,
    symbol: str,
    qty: Amount | None,
    limit: Amount | None,
    stop: Amount | None,
    account: str | None,
    time_in_force: TimeInForce | str | None,
    exec_inst: Sequence[ExecInst | str],
    cl_ord_id: str,
    more: dict[str, Any],
) -> dict[str, Any]:
    """The body of `POST /v1/orders`. TypeError for a float."""
    ord_type = {(False, False): "market", (True, False): "limit", (False, True): "stop", (True, True): "stop_limit"}
    body: dict[str, Any] = {
        "cl_ord_id": cl_ord_id,
        "symbol": symbol,
        "side": word(side),
        "ord_type": ord_type[limit is not None, stop is not None],
        "order_qty": amount(qty, "qty"),
        "price": amount(limit, "limit"),
        "stop_px": amount(stop, "stop"),
        "account": account,
        "time_in_force": word(time_in_force),
        "exec_inst": [word(each) for each in exec_inst] or None,
    }
    for name, value in more.items():
        body[name] = amount(value, name) if name in AMOUNTS else word(value)
    return {name: value for name, value in body.items() if value is not None}
