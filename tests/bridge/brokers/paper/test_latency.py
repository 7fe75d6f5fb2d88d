import pytest

from bridge.brokers.paper import Delay, Latency
from bridge.orders.reports import Acknowledged, Executed


def latent(make_desk, **delays):
    return make_desk(latency=Latency(**{kind: Delay(floor=ms) for kind, ms in delays.items()}))


async def test_an_order_reaches_the_book_after_its_delay_and_meets_the_market_of_then(make_desk):
    desk = await latent(make_desk, submit=50)
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    order = desk.order("buy", 100)
    desk.match()
    assert desk.reports == []
    desk.clock.advance(0.03)
    desk.quote("AAPL", "101.00", 300, "101.02", 500)
    assert desk.reports == []
    desk.later(0.02)
    assert desk.said() == ["Acknowledged", "Executed"]
    assert desk.fills(order) == [("100", "101.02")]


async def test_a_fill_on_the_way_beats_the_cancel(make_desk):
    desk = await latent(make_desk, cancel=50)
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    order = desk.order("buy", 100, limit="99.00")
    desk.match()
    desk.cancel(order)
    desk.clock.advance(0.02)
    desk.quote("AAPL", "98.00", 300, "98.02", 500)
    desk.later(0.03)
    assert desk.said() == ["Acknowledged", "Executed", "CancelRefused"]


async def test_the_cancel_in_time_wins(make_desk):
    desk = await latent(make_desk, cancel=50)
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    order = desk.order("buy", 100, limit="99.00")
    desk.match()
    desk.cancel(order)
    desk.later(0.06)
    desk.quote("AAPL", "98.00", 300, "98.02", 500)
    assert desk.said() == ["Acknowledged", "Canceled"]


async def test_a_replace_takes_its_time_too(make_desk):
    desk = await latent(make_desk, replace=50)
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    order = desk.order("buy", 100, limit="99.00")
    desk.match()
    new = desk.replace(order, limit="100.02")
    assert desk.said() == ["Acknowledged"]
    desk.later(0.05)
    assert desk.said() == ["Acknowledged", "Replaced", "Executed"]
    assert desk.fills(new) == [("100", "100.02")]


async def test_executions_are_told_late_and_nothing_about_the_order_overtakes_them(make_desk):
    desk = await latent(make_desk, report=20)
    desk.quote("AAPL", "100.00", 300, "100.02", 60)
    order = desk.order("buy", 100, tif="ioc")
    desk.match()
    assert desk.said(order) == ["Acknowledged"]
    desk.later(0.02)
    assert desk.said(order) == ["Acknowledged", "Executed", "Canceled"]


async def test_in_the_book_is_what_happened_also_when_it_was_not_told_yet(make_desk, tmp_path):
    desk = await make_desk(tmp_path, latency=Latency(report=Delay(floor=20)))
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    order = desk.order("buy", 100)
    desk.match()
    await desk.crash()
    assert (await desk.broker.find(desk.orders[order])).cum_qty == 100


def test_a_delay_depends_on_seed_kind_and_order_alone():
    latency = Latency(submit=Delay(floor=1, median=5, sigma=0.5), cancel=Delay(median=5, sigma=0.5))
    draws = [latency.to_book("submit", f"f{i}") for i in range(200)]
    assert draws == [latency.to_book("submit", f"f{i}") for i in range(200)]
    assert min(draws) > 1_000_000
    assert sorted(draws)[100] == pytest.approx(6_000_000, rel=0.2)
    assert latency.to_book("cancel", "f1") != latency.to_book("submit", "f1") - 1_000_000
    assert Latency(submit=latency.submit, seed=2).to_book("submit", "f1") != draws[1]


async def test_the_same_inputs_give_the_same_reports_whatever_the_wall_clock_does(make_desk):
    runs = []
    for _ in range(2):
        latency = Latency(
            submit=Delay(median=3, sigma=0.5), cancel=Delay(median=2, sigma=0.7), report=Delay(median=1, sigma=1)
        )
        desk = await make_desk(latency=latency)
        for step in range(60):
            desk.quote("AAPL", f"{100 + step % 5}.00", 300, f"{100 + step % 5}.02", 50 + step)
            if step % 3 == 0:
                order = desk.order("buy" if step % 2 else "sell", 40, limit=f"{100 + step % 4}.00")
            if step % 7 == 0:
                desk.cancel(order)
            desk.later(0.002)
        desk.later(1)
        runs.append(desk.reports)
    assert runs[0] == runs[1]
    assert {Acknowledged, Executed} < {type(report) for report in runs[0]}
