"""The parts alone: pace, ids, contracts, options, numbers."""

import asyncio
import subprocess
import sys
from collections import Counter
from decimal import Decimal

import pytest

from bridge.brokers.ib import IbOptions, wire
from bridge.brokers.ib.contracts import increment
from bridge.brokers.ib.ids import BLOCK, OrderIds
from bridge.brokers.ib.options import endpoint
from bridge.brokers.ib.pacer import Lane, Pacer
from bridge.orders.events import Mode
from bridge.orders.reasons import ReasonCode
from bridge.orders.reports import Canceled, Executed, Refused
from bridge.sandbox.ib_faults import How, On
from fixspec.enums import Side
from tests.bridge.brokers.ib.venue import IbVenue
from tests.contract.venue import Orders

# --- pace ------------------------------------------------------------------------------------------------------------


class Hand:
    """Seconds that move when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_no_more_than_the_rate_leaves_in_a_second_and_cancels_go_first():
    hand, left = Hand(), []
    pacer = Pacer(40, hand)
    for number in range(60):
        pacer.put(Lane.ORDER, lambda number=number: left.append(f"order {number}"))
    assert len(left) == 36  # four are kept for cancels
    for number in range(6):
        pacer.put(Lane.CANCEL, lambda number=number: left.append(f"cancel {number}"))
    assert left[36:] == [f"cancel {number}" for number in range(4)]
    hand.now = 1.03
    pacer._pump()
    assert left[40:43] == ["cancel 4", "cancel 5", "order 36"]
    pacer.clear()


async def test_what_waits_can_be_withdrawn_and_what_left_cannot():
    pacer = Pacer(2, Hand())
    first = pacer.put(Lane.ORDER, lambda: None)
    second = pacer.put(Lane.ORDER, lambda: None)
    assert not first.withdraw()
    assert second.withdraw()
    pacer.clear()


async def test_a_burst_stays_below_ibs_fifty_and_a_cancel_overtakes_it(venue, orders):
    await venue.sent(orders.new("buy", 1, limit="90.00"))
    first = await venue.sent(orders.new("buy", 1, limit="90.00"))
    for _ in range(60):
        venue.adapter.submit(orders.new("buy", 1, limit="90.00"))
    venue.adapter.cancel(first)
    await venue.until(lambda: venue.told(Canceled), seconds=0.5)
    assert len(venue.sandbox.placed) < 62
    await venue.until(lambda: len(venue.sandbox.placed) == 62, seconds=4)
    assert venue.sandbox.peers[1].most_in_a_second <= 42
    assert venue.adapter.link.logins == 1


async def test_an_order_that_waits_for_its_turn_is_cancelled_without_being_sent(venue, orders):
    await venue.sent(orders.new("buy", 1, limit="90.00"))
    waiting = [orders.new("buy", 1, limit="90.00") for _ in range(50)]
    for order in waiting:
        venue.adapter.submit(order)
    venue.adapter.cancel(waiting[-1])
    assert [r.broker_client_id for r in venue.told(Canceled)] == [waiting[-1].broker_client_id]
    await venue.until(lambda: len(venue.sandbox.placed) == 50, seconds=4)
    assert waiting[-1].broker_client_id not in venue.arrived()


async def test_an_order_that_waits_too_long_for_its_turn_is_stale(venue, orders):
    await venue.sent(orders.new("buy", 1, limit="90.00"))
    for _ in range(50):
        venue.adapter.submit(orders.new("buy", 1, limit="90.00"))
    venue.clock.advance(11)
    await venue.until(lambda: venue.told(Refused), seconds=4)
    assert {r.code for r in venue.told(Refused)} == {ReasonCode.STALE_ORDER}


# --- ids -------------------------------------------------------------------------------------------------------------


def test_ids_go_on_above_everything_that_was_ever_reserved(tmp_path):
    path = tmp_path / "ib-1.ids"
    ids = OrderIds(path)
    ids.login(1)
    assert [ids.take() for _ in range(3)] == [1, 2, 3]
    again = OrderIds(path)
    again.login(1)
    assert again.take() == BLOCK + 1
    again.seen(1_000_000)
    assert again.take() == 1_000_001
    assert OrderIds(path).take() > 1_000_001


def test_a_damaged_id_file_is_told(tmp_path):
    path = tmp_path / "ib-1.ids"
    path.write_text("seven")
    with pytest.raises(ValueError, match="seven"):
        OrderIds(path)


def test_ids_never_reach_those_of_questions(tmp_path):
    ids = OrderIds(None)
    ids.login(1_499_999_999)
    ids.take()
    with pytest.raises(OSError, match="used up"):
        ids.take()


# --- contracts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "kind", "name", "exchange"),
    [
        ("AAPL", "STK", "AAPL", "SMART"),
        ("ESH4", "FUT", "ES", "CME"),
        ("ESM4", "FUT", "ES", "CME"),
        ("EUR/USD", "CASH", "EUR", "IDEALPRO"),
    ],
)
async def test_symbols_are_asked_for_as_what_they_are(venue, symbol, kind, name, exchange):
    wanted = venue.adapter._contracts.wanted(symbol)
    assert (wanted.secType, wanted.symbol, wanted.exchange) == (kind, name, exchange)


async def test_an_option_is_asked_for_by_its_osi_symbol(venue):
    option = venue.option("AAPL240119C00190000")
    venue.adapter._contracts._instrument = lambda symbol: option
    wanted = venue.adapter._contracts.wanted(option.symbol)
    assert (wanted.secType, wanted.localSymbol) == ("OPT", "AAPL  240119C00190000")


async def test_a_contract_is_asked_for_once(venue, orders):
    for _ in range(3):
        await venue.sent(orders.new("buy", 1))
    resolved = await venue.adapter._contracts.resolve("AAPL")
    before = venue.adapter.link.questions.count
    assert await venue.adapter._contracts.resolve("AAPL") is resolved
    assert venue.adapter.link.questions.count == before
    assert resolved.steps == ((0, Decimal("0.0001")), (1, Decimal("0.01")))


async def test_a_forex_order_is_on_idealpros_increment(venue, orders):
    orders.symbol = "EUR/USD"
    venue.sandbox.quote("EUR/USD", "1.08500", "1.08505", 1_000_000)
    await venue.sent(orders.new("buy", 25_000, limit="1.08503"))
    assert [r.code for r in venue.told(Refused)] == [ReasonCode.TICK_SIZE]
    await venue.sent(orders.new("buy", 25_000, limit="1.08505"))
    (position,) = await venue.adapter.positions()
    assert (position.symbol, position.qty) == ("EUR/USD", 25_000)


async def test_a_contract_that_is_ambiguous_is_refused(venue, orders):
    first = venue.sandbox.market.called("MSFT")
    venue.sandbox.market.contracts[1] = type(first)(
        con_id=1, symbol="MSFT", sec_type="STK", currency="USD", exchange="SMART", local="MSFT2"
    )
    orders.symbol = "MSFT"
    await venue.sent(orders.new("buy", 1))
    (refused,) = venue.told(Refused)
    assert refused.code is ReasonCode.SYMBOL_AMBIGUOUS
    assert venue.arrived() == []


async def test_a_contract_that_ib_does_not_name_in_time_is_refused_unsent(venue, orders):
    venue.sandbox.faults.deaf = {"contracts"}
    await venue.sent(orders.new("buy", 1))
    (refused,) = venue.told(Refused)
    assert refused.code is ReasonCode.BROKER_UNAVAILABLE
    assert venue.arrived() == []


def test_negative_prices_have_the_increment_of_their_size():
    steps = ((Decimal(0), Decimal("0.01")), (Decimal(3), Decimal("0.05")))
    assert increment(steps, Decimal(-4)) == Decimal("0.05")
    assert increment(steps, Decimal(2)) == Decimal("0.01")


# --- numbers and settings --------------------------------------------------------------------------------------------


def test_unset_numbers_are_none_and_numbers_are_exact():
    assert wire.number("1.7976931348623157E308") is None
    assert wire.number("") is None
    assert wire.number("0.1") == Decimal("0.1")
    assert wire.text(Decimal("1E+2")) == "100"


def test_an_execution_id_has_its_root_and_revision():
    assert wire.revision("0000e0d5.65a3b1c2.01.01") == ("0000e0d5.65a3b1c2.01", 0)
    assert wire.revision("0000e0d5.65a3b1c2.01.03") == ("0000e0d5.65a3b1c2.01", 2)
    assert wire.revision("odd") == ("odd", 0)


def test_a_short_sale_is_a_plain_sell():
    assert wire.action(Side.SELL_SHORT) == "SELL"


@pytest.mark.parametrize(
    ("text", "mode", "where"),
    [
        (None, Mode.PAPER, ("127.0.0.1", 4002)),
        (None, Mode.LIVE, ("127.0.0.1", 4001)),
        ("gateway", Mode.PAPER, ("gateway", 4002)),
        ("10.0.0.7:7497", Mode.PAPER, ("10.0.0.7", 7497)),
    ],
)
def test_an_endpoint_is_host_and_port(text, mode, where):
    assert endpoint(text, mode) == where


@pytest.mark.parametrize(
    "options", [{"rate": 50}, {"client_id": -1}, {"timezone": "Mars/Olympus"}, {"colour": 1}, {"heartbeat": 0}]
)
def test_a_wrong_option_is_told_with_its_key(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        IbOptions.parse(options)


def test_the_adapter_is_imported_without_the_library():
    code = "import sys; import bridge.brokers.ib, bridge.marketdata.ib; sys.exit('ib_async' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_it_runs_on_uvloop_through_a_drop_as_well(tmp_path):
    uvloop = pytest.importorskip("uvloop")

    async def rehearsal() -> None:
        venue = IbVenue(tmp_path)
        await venue.start()
        orders = Orders(venue.symbol, venue.account, "ib")
        venue.arm(On.PLACE, How.TAKEN_THEN_DROP)
        await venue.sent(orders.new("buy", 1))
        await venue.sent(orders.new("buy", 2))
        assert sorted(r.last_qty for r in venue.told(Executed)) == [1, 2]
        await venue.close()

    uvloop.run(rehearsal())


async def test_the_loop_is_never_held_up_by_a_submit(venue, orders):
    await venue.sent(orders.new("buy", 1))
    loop = asyncio.get_running_loop()
    took = []
    for _ in range(30):
        began = loop.time()
        venue.adapter.submit(orders.new("buy", 1, limit="90.00"))
        took.append(loop.time() - began)
    assert sorted(took)[15] < 0.005
    assert Counter(type(r) for r in venue.reports)[Refused] == 0


# --- hours -----------------------------------------------------------------------------------------------------------


async def test_the_market_is_open_as_the_contracts_hours_say(venue, orders):
    apple, now = venue.instruments["AAPL"], venue.clock.utc_ns()  # 10:00 in New York
    venue.sandbox.hours = "20240102:0400-20240102:2000;20240103:CLOSED;20240104:0400-2000"
    assert venue.adapter.market_open(apple, now) is None
    await venue.until(lambda: venue.adapter.market_open(apple, now) is not None)
    hour = 3_600_000_000_000
    told = [venue.adapter.market_open(apple, now + hours * hour) for hours in (0, 9, 10, 24, 48)]
    assert told == [True, True, False, False, True]
    assert venue.adapter.market_open(apple, now + 24 * 9 * hour) is None


async def test_contracts_of_the_symbol_master_are_learnt_after_the_login(venue):
    venue.adapter._symbols = ("MSFT", "EUR/USD", "NOSUCH")
    venue.sandbox.drop()
    await venue.until(lambda: all(venue.adapter._contracts.get(name) for name in ("MSFT", "EUR/USD")))
    assert venue.adapter._contracts.get("NOSUCH") is None
