"""The sandbox speaks every server version that the real client reads, field for field."""

import asyncio
from datetime import UTC
from decimal import Decimal

import pytest

pytest.importorskip("ib_async", reason="the extra `ib` is not installed")

from bridge.brokers.ib.transport import Contract, ExactDecoder, ExecutionFilter, IbOrder
from bridge.sandbox import ib_wire as wire
from bridge.sandbox.ib import TwsSandbox
from bridge.sandbox.ib_book import Done, Working
from bridge.sandbox.ib_commands import Commands
from bridge.sandbox.ib_wire import Listed, Placed

VERSIONS = range(wire.LOWEST, wire.HIGHEST + 1)
LISTED = Listed(
    con_id=265598, symbol="AAPL", sec_type="STK", currency="USD", exchange="SMART", primary="NASDAQ", local="AAPL"
)


class Heard:
    """Keeps what the decoder calls."""

    defaultTimezone = UTC  # noqa: N815 - the library's name

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[object, ...]]] = []

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *told: self.calls.append((name, told))


def order(**more) -> Working:
    asked = Placed(
        order_id=7,
        con_id=LISTED.con_id,
        symbol="AAPL",
        sec_type="STK",
        currency="USD",
        action="SELL",
        qty=Decimal(100),
        kind="STP LMT",
        price=Decimal("187.25"),
        stop=Decimal("188.10"),
        tif="GTC",
        account="DU1",
        ref="fabcdefghij0123456789",
        outside_rth=True,
        good_till="20250101-00:00:00",
        all_or_none=True,
        **more,
    )
    made = Working(asked, 3, 1_100_000_001, LISTED)
    made.filled = Decimal(40)
    return made


def heard(fields, version):
    tap = Heard()
    decoder = ExactDecoder(tap, "America/New_York")
    decoder.serverVersion = version
    decoder.interpret([wire.text(field) for field in fields])
    ((name, told),) = tap.calls
    assert name != "unreadable", told
    return name, told


@pytest.mark.parametrize("version", VERSIONS)
def test_an_open_order_is_read_as_it_was_written(version):
    name, (order_id, contract, said, state) = heard(wire.open_order(order(), "PreSubmitted", version), version)
    assert (name, order_id, state.status) == ("openOrder", 7, "PreSubmitted")
    assert (contract.conId, contract.symbol, contract.currency) == (265598, "AAPL", "USD")
    assert (said.action, said.totalQuantity, said.orderType, said.tif) == ("SELL", 100, "STP LMT", "GTC")
    assert (said.lmtPrice, said.auxPrice) == (Decimal("187.25"), Decimal("188.10"))
    assert (said.account, said.orderRef, said.clientId, said.permId) == ("DU1", "fabcdefghij0123456789", 3, 1100000001)
    assert (said.outsideRth, said.allOrNone, said.goodTillDate) == (True, True, "20250101-00:00:00")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_completed_order_is_read_as_it_was_written(version):
    done = order()
    done.status, done.completed_text = "Cancelled", "Cancelled by Trader"
    name, (contract, said, state) = heard(wire.completed_order(done, version, "20240102 10:00:00 US/Eastern"), version)
    assert (name, contract.conId, state.status) == ("completedOrder", 265598, "Cancelled")
    assert (said.orderRef, said.permId, said.filledQuantity) == ("fabcdefghij0123456789", 1100000001, 40)
    assert (state.completedStatus, said.lmtPrice, said.outsideRth) == ("Cancelled by Trader", Decimal("187.25"), True)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_execution_is_read_as_it_was_written(version):
    done = Done(order(), "0000e0d5.65a3b1c2.01.01", None, "20240102 10:00:00 US/Eastern", Decimal(40), Decimal("187.3"))
    name, (request, contract, said) = heard(wire.exec_details(-1, done, version), version)
    assert (name, request, contract.symbol) == ("execDetails", -1, "AAPL")
    assert (said.execId, said.side, said.shares, said.price) == (done.exec_id, "SLD", 40, Decimal("187.3"))
    assert (said.permId, said.clientId, said.orderId, said.orderRef) == (1100000001, 3, 7, "fabcdefghij0123456789")
    assert said.time.isoformat() == "2024-01-02T15:00:00+00:00"
    assert said.lastLiquidity == 2


@pytest.mark.parametrize("version", VERSIONS)
def test_contract_details_are_read_as_they_were_written(version):
    name, (request, details) = heard(wire.contract_details(5, LISTED, version), version)
    assert (name, request) == ("contractDetails", 5)
    assert (details.contract.conId, details.contract.primaryExchange) == (265598, "NASDAQ")
    assert (details.minTick, details.marketRuleIds, details.validExchanges) == (Decimal("0.01"), "26", "SMART")
    assert "GTC" in details.orderTypes


class Silent:
    def __getattr__(self, name):
        if name.startswith("_") or name in {"priceSizeTick", "tcpDataArrived", "tcpDataProcessed"}:
            raise AttributeError(name)
        return lambda *told: None


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_clients_requests_are_read_as_they_were_written(version):
    from ib_async.client import Client

    sandbox = TwsSandbox(version=version)
    await sandbox.start()
    client = Client(Silent())
    await client.connectAsync("127.0.0.1", sandbox.port, 3, 2)
    sent = IbOrder(
        action="BUY", totalQuantity=10, orderType="LMT", lmtPrice=99.5, tif="GTC", account="DU1000001", orderRef="f1"
    )
    found = sandbox.market.called("AAPL")
    client.placeOrder(1, Contract(conId=found.con_id), sent)
    client.reqExecutions(5, ExecutionFilter())
    client.cancelOrder(1, "")
    async with asyncio.timeout(2):
        while not sandbox.canceled:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.002)
    (placed,) = sandbox.placed
    assert (placed.qty, placed.price, placed.tif, placed.ref) == (10, Decimal("99.5"), "GTC", "f1")
    assert sandbox.by_ref("f1").status == "Cancelled"
    client.disconnect()
    await sandbox.stop()


async def test_more_than_fifty_messages_a_second_end_the_connection():
    from ib_async.client import Client

    sandbox = TwsSandbox()
    await sandbox.start()
    client = Client(Silent())
    client.MaxRequests = 0
    await client.connectAsync("127.0.0.1", sandbox.port, 3, 2)
    for _ in range(60):
        client.reqCurrentTime()
    async with asyncio.timeout(2):
        while sandbox.peers:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.002)
    await sandbox.stop()


async def test_people_move_it_with_lines_of_text():
    sandbox = TwsSandbox()
    commands = Commands(sandbox)
    assert commands.do("quote AAPL 99 101 50") == "done"
    assert commands.do("hand AAPL BUY 5 98") == "done"
    assert "BUY 5 AAPL LMT 98" in commands.do("orders")
    assert commands.do("fault place taken_then_drop") == "done"
    assert len(sandbox.faults.armed) == 1
    assert commands.do("clear") == "done"
    assert "fault place|replace|cancel" in commands.do("help")
    assert commands.do("fault place nonsense").startswith("not done")
    assert commands.do("dance").startswith("no command")
