"""Random, hostile histories: whatever a client and a broker do to an order, the invariants of FIX-APP section 5 hold.

I1 CumQty(14) is the sum of live fills. I2 AvgPx(6) is their average. I3 LeavesQty(151) fits the status. I4 a chain
shares its sums. I5 OrdStatus(39) is the highest true state. I6 an order that is over changes only by fills,
corrections and busts. I7 reports leave in journal order. And: positions are the sum of fills, reservations the sum of
working orders, ExecID(17) never means two things, and folding the journal again gives the same state.
"""

from history import STEPS, History
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.orders.blotter import Blotter
from bridge.orders.blotter import freeze as freeze_book
from bridge.orders.events import OrderFilled, TradeBusted, TradeCorrected
from bridge.standing import RiskTerms, Standing, freeze, thaw

TERMS = RiskTerms("starter")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_the_invariants_hold_over_any_history(steps):
    history = History()
    for step in steps:
        history.apply(step)
    history.do_restart(0)
    kinds = (OrderFilled, TradeCorrected, TradeBusted)
    assert len({e.event.exec_id for e in history.rig.journal.read() if isinstance(e.event, kinds)}) == sum(
        isinstance(e.event, kinds) for e in history.rig.journal.read()
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS, cut=st.integers(0, 200))
def test_what_is_thawed_goes_on_exactly_as_what_was_frozen(steps, cut):
    history = History()
    for step in steps:
        history.apply(step)
    whole, cold = Standing(Blotter(), TERMS.portfolio()), None
    for number, entry in enumerate(history.rig.journal.read()):
        if number == cut:
            cold = thaw(freeze(whole), TERMS)
            assert freeze(cold) == freeze(whole)
        assert whole.apply(entry) == (cold.apply(entry) if cold is not None else whole.blotter.order(_id(entry)))
    if cold is not None:
        assert freeze(cold) == freeze(whole)
        for session in ("ALPHA", "BETA"):
            assert cold.blotter.next_inbound(session) == whole.blotter.next_inbound(session)
        assert [o.order_id for o in cold.blotter.unknown()] == [o.order_id for o in whole.blotter.unknown()]
        assert set(cold.blotter.open_orders()) == set(whole.blotter.open_orders())
    assert freeze_book(whole.blotter) == freeze_book(history.rig.desk.blotter), "the engine folded the same"


def _id(entry):
    return getattr(entry.event, "order_id", 0)
