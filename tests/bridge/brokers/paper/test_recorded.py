"""The exchange on a tape: recorded where there is one, and a small one that was made for this."""

import os
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from bridge.brokers.paper import AccountTerms, Delay, FillModel, Latency, Resting, Taking
from bridge.brokers.paper.records import Filled
from bridge.brokers.paper.rehearsal import Rehearsal
from bridge.instruments import Instruments
from bridge.marketdata.replay import merged
from bridge.orders.market import AssetClass, Quote
from fixspec.enums import Side, TimeInForce

DATA = Path(os.environ.get("FIXBRIDGE_TEST_DATA", "recordings"))
MADE = Path(__file__).parent / "made"
INSTRUMENTS = Instruments.starter(date(2024, 7, 1))
recorded = pytest.mark.skipif(not DATA.is_dir(), reason=f"the recorded data is not in {DATA}")
TAPES = [
    pytest.param([MADE / "quotes.csv", MADE / "trades.csv"], id="made"),
    pytest.param(
        [DATA / "ESU4_2024-07-01_quotes.csv", DATA / "ESU4_2024-07-01_trades.csv"], id="recorded", marks=recorded
    ),
]
MODELS = [
    FillModel(),
    FillModel(resting=Resting.TOUCH, taking=Taking.WALK),
    FillModel(resting=Resting.THROUGH, participation=Decimal("0.5")),
]


def rehearse(files, model, seed=1, latency=None):
    """Orders of every kind at random moments, around the market."""
    random = Random(seed)
    ticks = list(merged(files))
    rehearsal = Rehearsal(
        instrument=INSTRUMENTS.get,
        begins=ticks[0].time_ns,
        account=AccountTerms(cash=Decimal(10) ** 9),
        model=model,
        latency=latency,
    )
    working = []
    for recorded_tick in ticks:
        rehearsal.tick(recorded_tick)
        tick = recorded_tick.tick
        if random.random() > 0.1 or not isinstance(tick, Quote) or not tick.two_sided:
            continue
        side = random.choice((Side.BUY, Side.SELL))
        away = random.randint(-2, 3) * Decimal("0.25")
        near = tick.bid_px - away if side is Side.BUY else tick.ask_px + away
        beyond = tick.ask_px + abs(away) if side is Side.BUY else tick.bid_px - abs(away)
        terms = random.choice(
            (
                {},
                {"price": near},
                {"price": near},
                {"price": near},
                {"stop_px": beyond},
                {"stop_px": beyond, "price": beyond},
            )
        )
        tif = random.choice((TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK))
        working.append(rehearsal.submit(tick.symbol, side, Decimal(random.randint(1, 12)), time_in_force=tif, **terms))
        if random.random() < 0.2:
            rehearsal.cancel(random.choice(working))
    rehearsal.turn(ticks[-1].time_ns)
    return rehearsal


@pytest.mark.parametrize("model", MODELS, ids=["queue", "touch and walk", "through and half"])
@pytest.mark.parametrize("files", TAPES)
def test_no_fill_is_better_than_the_tape_and_no_displayed_size_is_exceeded(files, model):
    rehearsal = rehearse(files, model)
    fills = [record for record in rehearsal.records if isinstance(record, Filled)]
    assert rehearsal.audit.violations == []
    assert len(fills) > 20
    assert {fill.made for fill in fills} == {True, False}


@pytest.mark.parametrize("files", TAPES)
def test_it_comes_out_the_same_every_time_with_latency_too(files):
    latency = Latency(submit=Delay(median=20, sigma=0.5), cancel=Delay(median=15, sigma=0.5))
    runs = [rehearse(files, FillModel(), latency=latency).records for _ in range(2)]
    assert runs[0] == runs[1]
    assert rehearse(files, FillModel()).records != runs[0]


@recorded
def test_a_tape_without_sizes_fills_up_to_the_assumed_size():
    ticks = list(merged([DATA / "EURUSD_2020-01-01_quotes.csv"]))[:500]
    model = FillModel(untold_size={AssetClass.FX: Decimal(100_000)})
    rehearsal = Rehearsal(instrument=INSTRUMENTS.get, begins=ticks[0].time_ns, model=model, untold=Decimal(100_000))
    for number, tick in enumerate(ticks):
        rehearsal.tick(tick)
        if number % 50 == 0:
            rehearsal.submit("EUR/USD", Side.BUY if number % 100 else Side.SELL, Decimal(250_000))
    assert rehearsal.audit.violations == []
    assert rehearsal.audit.fills > 10
