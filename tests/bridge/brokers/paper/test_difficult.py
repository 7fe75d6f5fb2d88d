"""Faults on order: what is told goes wrong, and the exchange behind it stays right."""

import asyncio
from datetime import UTC, datetime

import pytest

from bridge.brokers.paper import DifficultBroker, Scenario, ScenarioError
from bridge.interfaces import BrokerUnreachable
from bridge.orders.events import Request
from bridge.orders.reports import Busted, Executed, NoAnswer

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Timer:
    """Later, when told."""

    def __init__(self):
        self.due = []
        self.now = 0.0

    def __call__(self, seconds, act):
        self.due.append((self.now + seconds, len(self.due), act))

    def run(self, seconds):
        self.now += seconds
        while ready := sorted(item for item in self.due if item[0] <= self.now)[:1]:
            self.due.remove(ready[0])
            ready[0][2]()


@pytest.fixture
def difficult(make_desk):
    async def make(*faults, directory=None, seed=1):
        timer = Timer()
        scenario = Scenario.parse({"kind": "PaperScenario", "seed": seed, "faults": list(faults)})
        desk = await make_desk(directory, kind=DifficultBroker, scenario=scenario, later=timer)
        desk.timer = timer
        desk.quote("AAPL", "100.00", 300, "100.02", 500)
        return desk

    return make


async def test_a_lost_acknowledgement_is_never_told_but_the_order_works(difficult):
    desk = await difficult({"fault": "lost_ack", "nth": 2})
    first, lost = desk.order("buy", 10), desk.order("buy", 10)
    desk.match()
    assert desk.said(first) == ["Acknowledged", "Executed"]
    assert desk.said(lost) == ["Executed"]
    assert (await desk.broker.find(desk.orders[lost])).cum_qty == 10
    assert [(s.fault.value, s.what) for s in desk.broker.struck] == [("lost_ack", lost)]


async def test_a_slow_acknowledgement_comes_after_the_fill(difficult):
    desk = await difficult({"fault": "slow_ack", "every": 1, "seconds": 2})
    order = desk.order("buy", 10)
    desk.match()
    assert desk.said(order) == ["Executed"]
    desk.timer.run(2)
    assert desk.said(order) == ["Executed", "Acknowledged"]


async def test_after_an_ambiguous_submit_the_order_is_there_or_it_is_not(difficult):
    desk = await difficult(
        {"fault": "ambiguous_submit", "nth": 1}, {"fault": "ambiguous_submit", "nth": 2, "reaches": False}
    )
    arrived, lost = desk.order("buy", 10, limit="99.00"), desk.order("buy", 10, limit="99.00")
    assert desk.said() == ["NoAnswer", "NoAnswer"]
    assert all(isinstance(r, NoAnswer) and r.request is Request.SUBMIT for r in desk.reports)
    assert await desk.broker.find(desk.orders[arrived]) is not None
    assert await desk.broker.find(desk.orders[lost]) is None
    desk.resubmit(lost)
    assert desk.said(lost) == ["NoAnswer", "Acknowledged"]


async def test_a_cancel_may_find_the_order_filled(difficult):
    desk = await difficult({"fault": "cancel_too_late", "nth": 1})
    order = desk.order("buy", 10, limit="99.00")
    desk.match()
    desk.cancel(order)
    assert desk.said(order) == ["Acknowledged", "Executed", "CancelRefused"]
    assert desk.fills(order) == [("10", "99.00")]


async def test_a_fill_may_come_after_the_cancel(difficult):
    desk = await difficult({"fault": "late_fill", "nth": 1, "part": 0.4, "seconds": 1})
    order = desk.order("buy", 10, limit="99.00")
    desk.match()
    desk.cancel(order)
    assert desk.said(order) == ["Acknowledged", "Canceled"]
    desk.timer.run(1)
    assert desk.said(order) == ["Acknowledged", "Canceled", "Executed"]
    (position,) = await desk.broker.positions()
    assert position.qty == 4


async def test_a_replace_races_a_fill(difficult):
    desk = await difficult({"fault": "replace_race", "nth": 1, "part": 0.5}, {"fault": "replace_race", "nth": 2})
    order = desk.order("buy", 10, limit="99.00")
    desk.match()
    order = desk.replace(order, qty=8)
    assert desk.said()[-2:] == ["Executed", "Replaced"]
    assert (await desk.broker.find(desk.orders[order])).cum_qty == 5
    desk.replace(order, qty=20)
    assert desk.said()[-2:] == ["Executed", "ReplaceRefused"]


async def test_executions_are_doubled_and_reordered(difficult):
    desk = await difficult(
        {"fault": "duplicate_execution", "nth": 1}, {"fault": "reordered_execution", "nth": 2, "seconds": 5}
    )
    orders = [desk.order("buy", 10) for _ in range(3)]
    desk.match()
    told = [r.broker_client_id for r in desk.reports if isinstance(r, Executed)]
    assert told == [orders[0], orders[0], orders[2], orders[1]]


async def test_a_reordered_execution_without_a_next_one_comes_in_the_end(difficult):
    desk = await difficult({"fault": "reordered_execution", "nth": 1, "seconds": 5})
    order = desk.order("buy", 10)
    desk.match()
    assert desk.fills(order) == []
    desk.timer.run(5)
    assert desk.fills(order) == [("10", "100.02")]


async def test_executions_are_corrected_and_busted(difficult):
    desk = await difficult(
        {"fault": "correct", "nth": 1, "ticks": -2, "seconds": 1}, {"fault": "bust", "nth": 2, "seconds": 1}
    )
    right, gone = desk.order("buy", 10), desk.order("buy", 20)
    desk.match()
    desk.timer.run(1)
    assert desk.fills(right) == [("10", "100.02"), ("10", "100.00")]
    assert desk.said(gone) == ["Acknowledged", "Executed", "Busted", "Canceled"]
    assert any(isinstance(r, Busted) for r in desk.reports)
    (position,) = await desk.broker.positions()
    assert position.qty == 10
    (account,) = await desk.broker.accounts()
    assert account.cash == 1_000_000 - 1000


async def test_while_the_stream_is_down_orders_fill_and_nobody_is_told(difficult):
    desk = await difficult({"fault": "stream_drop", "at": 10, "seconds": 5})
    order = desk.order("buy", 10, limit="99.00")
    desk.match()
    desk.timer.run(10)
    assert desk.broker.unready == "the stream is down"
    desk.quote("AAPL", "98.00", 300, "98.02", 500)
    assert desk.said(order) == ["Acknowledged"]
    desk.timer.run(5)
    assert desk.broker.unready is None
    assert desk.said(order) == ["Acknowledged"]
    assert [e.broker_client_id for e in await desk.broker.executions(LONG_AGO)] == [order]


async def test_questions_get_no_answer_for_a_while(difficult):
    desk = await difficult({"fault": "unreachable", "at": 1, "seconds": 5})
    order = desk.order("buy", 10)
    desk.timer.run(1)
    for ask in (
        desk.broker.open_orders(),
        desk.broker.find(desk.orders[order]),
        desk.broker.executions(LONG_AGO),
        desk.broker.positions(),
        desk.broker.accounts(),
    ):
        with pytest.raises(BrokerUnreachable):
            await ask
    desk.timer.run(5)
    assert len(await desk.broker.accounts()) == 1


async def test_a_broker_that_restarts_comes_back_with_its_book(difficult, tmp_path):
    desk = await difficult({"fault": "restart", "at": 1, "seconds": 5}, directory=tmp_path)
    order = desk.order("buy", 10, limit="99.00")
    desk.match()
    desk.timer.run(1)
    await asyncio.gather(*desk.broker._tasks)
    assert desk.broker.unready == "the broker restarts"
    desk.cancel(order)
    desk.timer.run(5)
    await asyncio.gather(*desk.broker._tasks)
    assert desk.broker.unready is None
    assert [o.broker_client_id for o in await desk.broker.open_orders()] == [order]
    desk.cancel(order)
    assert desk.said(order)[-1] == "Canceled"


async def test_random_faults_are_the_same_for_the_same_seed(difficult):
    runs = []
    for seed in (1, 1, 2):
        desk = await difficult({"fault": "lost_ack", "share": 0.3}, seed=seed)
        for _ in range(100):
            desk.order("buy", 1, limit="99.00")
        runs.append([struck.what for struck in desk.broker.struck])
    assert runs[0] == runs[1] != runs[2]
    assert 15 < len(runs[0]) < 45


async def test_a_fault_may_be_for_one_symbol(difficult):
    desk = await difficult({"fault": "lost_ack", "every": 1, "symbol": "MSFT"})
    desk.order("buy", 1, limit="99.00")
    assert desk.said() == ["Acknowledged"]


async def test_after_the_end_no_fault_comes_any_more(difficult, tmp_path):
    desk = await difficult(
        {"fault": "restart", "at": 1, "seconds": 1}, {"fault": "bust", "nth": 1, "seconds": 1}, directory=tmp_path
    )
    desk.order("buy", 1)
    desk.match()
    await desk.broker.stop()
    desk.timer.run(10)
    assert [struck.fault.value for struck in desk.broker.struck] == ["bust"]
    assert desk.broker.unready == "stopped"


def test_a_scenario_is_a_yaml_file(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text(
        "kind: PaperScenario\nname: a bad afternoon\nseed: 7\nfaults:\n"
        "- {fault: lost_ack, nth: 3}\n- {fault: stream_drop, at: 30, seconds: 10}\n"
    )
    scenario = Scenario.load(file)
    assert (scenario.name, scenario.seed, len(scenario.faults)) == ("a bad afternoon", 7, 2)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"fault": "earthquake", "nth": 1}, "Invalid enum value 'earthquake'"),
        ({"fault": "lost_ack"}, r"faults\[1\] lost_ack: needs exactly one of nth, every, share; found none"),
        ({"fault": "lost_ack", "nth": 1, "every": 2}, "found nth, every"),
        ({"fault": "lost_ack", "at": 1}, "needs exactly one of"),
        ({"fault": "lost_ack", "nth": 0}, "nth: found 0"),
        ({"fault": "lost_ack", "share": 1.5}, "share: found 1.5"),
        ({"fault": "stream_drop", "nth": 1, "seconds": 2}, "needs `at` and `seconds`"),
        ({"fault": "stream_drop", "at": 1}, "needs `at` and `seconds`"),
        ({"fault": "late_fill", "nth": 1, "part": 0}, "part: found 0"),
        ({"fault": "slow_ack", "nth": 1, "seconds": -1}, "cannot be negative"),
        ({"fault": "lost_ack", "nth": 1, "colour": "red"}, "unknown field `colour`"),
    ],
)
def test_a_wrong_scenario_is_refused_by_fault_and_key(fault, says):
    with pytest.raises(ScenarioError, match=says):
        Scenario.parse({"kind": "PaperScenario", "faults": [fault]})


def test_a_file_that_is_no_scenario_is_refused(tmp_path):
    file = tmp_path / "bad.yaml"
    for text, says in (("kind: [", "not YAML"), ("kind: Other\n", "allowed is PaperScenario"), ("- 1\n", "Expected")):
        file.write_text(text)
        with pytest.raises(ScenarioError, match=says):
            Scenario.load(file)
