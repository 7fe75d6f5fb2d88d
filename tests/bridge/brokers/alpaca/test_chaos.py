"""Everything at once, at random: whatever happened, both books agree in the end and no order was sent twice."""

from random import Random

import pytest

from bridge.sandbox.alpaca import How
from bridge.sandbox.alpaca_faults import StreamFaults
from fixspec.enums import OrdStatus

HOWS = [How.RESET, How.CLOSE, How.PARTIAL, How.GARBAGE, How.STATUS_500, How.STATUS_502, How.STATUS_504, How.SILENCE]
REQUESTS = ["POST /orders", "PATCH /orders", "DELETE /orders", "GET /orders", "GET /account/activities", ""]
EVENTS = ["new", "partial_fill", "fill", "canceled", "replaced", "pending_cancel"]


async def act(desk, chance: Random, step: int) -> None:
    open_orders = [order for order in desk.desk.blotter.orders() if order.open and not order.external]
    what = chance.random()
    if what < 0.35 or not open_orders:
        limit = None if chance.random() < 0.3 else f"{chance.randint(95, 103)}.00"
        tif = "ioc" if limit is not None and chance.random() < 0.2 else "day"
        desk.send("buy", str(chance.randint(1, 20)), limit=limit, tif=tif)
    elif what < 0.5:
        desk.cancel(chance.choice(open_orders).cl_ord_id)
    elif what < 0.65:
        order = chance.choice(open_orders)
        if order.price is not None and order.pending_replace is None:
            desk.replace(order.cl_ord_id, qty=str(chance.randint(1, 25)), limit=f"{chance.randint(95, 103)}.00")
    elif what < 0.85:
        middle = chance.randint(94, 104)
        await desk.price(f"{middle - 1}.00", f"{middle}.00", chance.randint(1, 12))
    elif what < 0.95:
        desk.sandbox.fault(
            chance.choice(HOWS),
            chance.choice(REQUESTS),
            carried_out=chance.random() < 0.5,
            after=chance.randint(0, 2),
            seconds=0.5,
        )
    else:
        faults = desk.sandbox.stream_faults
        match chance.randint(0, 4):
            case 0:
                faults.skip.append(chance.choice(EVENTS))
            case 1:
                faults.repeat = chance.randint(1, 3)
            case 2:
                faults.reorder = chance.randint(2, 4)
            case 3:
                desk.sandbox.orders.drop()
            case 4:
                faults.garble = 1
    if chance.random() < 0.5:
        await desk.idle(0.1)


@pytest.mark.parametrize("seed", range(8))
async def test_after_any_history_both_books_agree_and_nothing_was_sent_twice(desks, seed):
    desk = await desks(sandbox={"cash": 10_000_000})
    chance = Random(seed)
    for step in range(40):
        await act(desk, chance, step)
        if step == 25 and seed % 2:
            await desk.restart()
    desk.sandbox.faults.clear()
    desk.sandbox.stream_faults.__init__()
    desk.sandbox.orders._faults = desk.sandbox.stream_faults
    await desk.until(lambda: desk.adapter.unready is None, 5.0)
    await desk.idle(6.0)
    await desk.reconcile("reconnect")
    desk.a_while_passes()
    await desk.reconcile("reconnect")
    await desk.idle()
    for order in list(desk.desk.blotter.orders()):
        if order.open:
            desk.cancel(order.cl_ord_id)
    await desk.idle(4.0)
    await desk.reconcile()
    await desk.idle()
    left = [order for order in desk.desk.blotter.orders() if order.open]
    assert [(o.cl_ord_id, o.ord_status, o.unknown, o.pending_replace) for o in left] == []
    assert all(order.ord_status is not OrdStatus.PENDING_REPLACE for order in desk.desk.blotter.orders())
    assert isinstance(desk.sandbox.stream_faults, StreamFaults)
    desk.agree()
    await desk.reconcile()
    assert desk.reconciler.breaks["alpaca"] == []
