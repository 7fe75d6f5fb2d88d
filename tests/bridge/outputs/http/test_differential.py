"""The same things said by FIX and by REST make the same entries: order entry means the same on both."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from bridge.orders.reports import CancelRefused, ReplaceRefused
from fixspec.enums import ExecInst, OrdType, Side, TimeInForce
from fixspec.messages import Header, NewOrderSingle, OrderCancelReplaceRequest, OrderCancelRequest

from .conftest import House
from .engine_room import EngineRoom

D = Decimal
AT = datetime(2026, 11, 23, 14, tzinfo=UTC)
OWN = {"session_id", "msg_seq_num", "broker_client_id", "transact_time", "exec_id", "account_prev"}
"""What differs by nature: who said it, its number, and what is derived from the two."""


@dataclass
class Fix:
    """Says it by FIX."""

    room: EngineRoom

    def _header(self, msg_type: str) -> Header:
        return Header(
            msg_type=msg_type, msg_seq_num=0, sender_comp_id="ALPHA1", target_comp_id="BRIDGE", sending_time=AT
        )

    async def order(self, cl_ord_id: str, **terms: Any) -> None:
        message = NewOrderSingle(
            cl_ord_id=cl_ord_id,
            **{"account": "ACC1", "symbol": "AAPL", "side": Side.BUY, "ord_type": OrdType.LIMIT, **terms},
            transact_time=AT,
        )
        self.room.engine.new_order("ALPHA1", self._header("D"), message)

    async def replace(self, cl_ord_id: str, orig: str, **terms: Any) -> None:
        order = self.room.desk.blotter.find("ALPHA1", orig)
        assert order is not None
        message = OrderCancelReplaceRequest(
            cl_ord_id=cl_ord_id,
            orig_cl_ord_id=order.cl_ord_id,
            symbol=order.symbol,
            side=order.side,
            transact_time=AT,
            **{
                "order_qty": order.order_qty,
                "ord_type": order.ord_type,
                "price": order.price,
                "time_in_force": order.time_in_force,
                **terms,
            },
        )
        self.room.engine.replace("ALPHA1", self._header("G"), message)

    async def cancel(self, cl_ord_id: str, orig: str) -> None:
        order = self.room.desk.blotter.find("ALPHA1", orig)
        assert order is not None
        message = OrderCancelRequest(
            cl_ord_id=cl_ord_id,
            orig_cl_ord_id=order.cl_ord_id,
            symbol=order.symbol,
            side=order.side,
            transact_time=AT,
        )
        self.room.engine.cancel("ALPHA1", self._header("F"), message)


@dataclass
class Rest:
    """Says it by REST."""

    room: EngineRoom
    http: httpx.AsyncClient

    async def order(self, cl_ord_id: str, **terms: Any) -> None:
        whole = {"account": "ACC1", "symbol": "AAPL", "side": Side.BUY, "ord_type": OrdType.LIMIT, **terms}
        body = {name: word(value) for name, value in whole.items() if value is not None}
        await self.http.post("/v1/orders", json={"cl_ord_id": cl_ord_id, **body})

    def _id(self, orig: str) -> int:
        order = self.room.desk.blotter.find("REST:anonymous", orig)
        assert order is not None
        return order.order_id

    async def replace(self, cl_ord_id: str, orig: str, **terms: Any) -> None:
        body = {name: word(value) for name, value in terms.items()}
        await self.http.patch(f"/v1/orders/{self._id(orig)}", json={"cl_ord_id": cl_ord_id, **body})

    async def cancel(self, cl_ord_id: str, orig: str) -> None:
        await self.http.delete(f"/v1/orders/{self._id(orig)}", params={"cl_ord_id": cl_ord_id})


def word(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, tuple):
        return [word(each) for each in value]
    return getattr(value, "value", value)


Desk = Fix | Rest


def working(desk: Desk) -> Any:
    return next(iter(desk.room.desk.blotter.open_orders()))


async def accepted_and_filled(desk: Desk) -> None:
    await desk.order("A-1", ord_type=OrdType.MARKET, order_qty=D(100))


async def every_field(desk: Desk) -> None:
    await desk.order(
        "A-1",
        side=Side.SELL_SHORT,
        ord_type=OrdType.STOP_LIMIT,
        order_qty=D(10),
        price=D("180.00"),
        stop_px=D("181.00"),
        time_in_force=TimeInForce.GTC,
        exec_inst=(ExecInst.DO_NOT_INCREASE,),
        min_qty=None,
        locate_reqd=True,
        secondary_cl_ord_id="S-1",
        cl_ord_link_id="L-1",
        text="hello",
        decision_px=D("181.50"),
    )


async def refused_by_risk(desk: Desk) -> None:
    await desk.order("A-1", order_qty=D(1000), price=D("187.25"))


async def refused_by_validation(desk: Desk) -> None:
    await desk.order("A-1", order_qty=D(100))
    await desk.order("A-2", ord_type=OrdType.MARKET, order_qty=D(100), price=D("187.25"))
    await desk.order("A-3", symbol="NONE", order_qty=D(100), price=D("187.25"))
    await desk.order("A-4", account="NONE", order_qty=D(100), price=D("187.25"))
    await desk.order("A-5", order_qty=D(0), price=D("187.25"))
    await desk.order("A-6", time_in_force=TimeInForce.GTD, order_qty=D(1), price=D("187.25"))


async def cancelled_unfilled(desk: Desk) -> None:
    await desk.order("A-1", order_qty=D(100), price=D("187.25"))
    await desk.cancel("C-1", "A-1")


async def filled_while_the_cancel_is_pending(desk: Desk) -> None:
    await desk.order("A-1", order_qty=D(100), price=D("187.25"))
    desk.room.broker.quiet = True
    await desk.cancel("C-1", "A-1")
    desk.room.broker.fill(working(desk), "100")
    desk.room.broker.report(
        CancelRefused(broker="paper", broker_client_id=desk.room.broker.submitted[0].broker_client_id, text="filled")
    )


async def replaced_then_partly_filled(desk: Desk) -> None:
    await desk.order("A-1", order_qty=D(100), price=D("187.25"), time_in_force=TimeInForce.GTC)
    await desk.replace("A-2", "A-1", price=D("187.30"))
    await desk.replace("A-3", "A-2", order_qty=D(60))
    desk.room.broker.fill(working(desk), "20")


async def replace_refused_by_risk_and_by_the_broker(desk: Desk) -> None:
    await desk.order("A-1", order_qty=D(100), price=D("187.25"))
    await desk.replace("A-2", "A-1", order_qty=D(1000))
    desk.room.broker.quiet = True
    await desk.replace("A-3", "A-1", price=D("187.30"))
    await desk.replace("A-4", "A-1", price=D("187.35"))
    desk.room.broker.report(ReplaceRefused(broker="paper", broker_client_id=working(desk).broker_client_id, text="no"))


async def cancel_of_a_finished_order(desk: Desk) -> None:
    await desk.order("A-1", ord_type=OrdType.MARKET, order_qty=D(1))
    await desk.cancel("C-1", "A-1")


SCENARIOS: list[Callable[[Desk], Any]] = [
    accepted_and_filled,
    every_field,
    refused_by_risk,
    refused_by_validation,
    cancelled_unfilled,
    filled_while_the_cancel_is_pending,
    replaced_then_partly_filled,
    replace_refused_by_risk_and_by_the_broker,
    cancel_of_a_finished_order,
]


def told(room: EngineRoom) -> list[dict[str, Any]]:
    """The entries without what differs by nature."""
    found = []
    for entry in room.entries():
        event = entry.event
        fields = {name: getattr(event, name) for name in event.__struct_fields__ if name not in OWN}
        found.append({"type": event.__struct_config__.tag, **fields})
    return found


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_fix_and_rest_make_the_same_entries(
    house: House, http: httpx.AsyncClient, scenario: Callable[[Desk], Any]
) -> None:
    by_fix = EngineRoom()
    await scenario(Fix(by_fix))
    await scenario(Rest(house.room, http))
    assert told(house.room) == told(by_fix)
    assert len(told(by_fix)) >= 2
