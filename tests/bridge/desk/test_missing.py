"""Which sessions were not told everything when the daemon died: `FixReports.missing` over `Blotter.told`."""

from datetime import UTC, datetime

from rig import Rig

from bridge.orders.blotter import Blotter, freeze, thaw
from bridge.orders.events import MarkoutsTaken
from bridge.orders.terms import SessionKind, SessionTerms
from bridge.outputs.fix import FixReports

COPY = SessionTerms(session_id="COPY", kind=SessionKind.DROP_COPY)
OTHER = SessionTerms(session_id="OTHER", kind=SessionKind.DROP_COPY, drop_accounts=("ACC2",))


def missing(rig: Rig, blotter: Blotter | None = None, **cursors: int) -> int | None:
    fix = FixReports([rig.terms, COPY, OTHER], lambda *_: None)
    fix.resume({name.upper(): seq for name, seq in cursors.items()})
    return fix.missing((blotter or rig.desk.blotter).told())


def traded() -> Rig:
    rig = Rig(extra=[COPY, OTHER])
    rig.order()
    rig.broker.ack()
    rig.broker.fill("100", "10.00")
    return rig


def test_a_session_that_has_its_last_report_misses_nothing_whatever_others_did_since():
    rig = traded()
    last = rig.origins["ALPHA"]
    assert missing(rig, alpha=last, copy=last) is None
    rig.engine.record(MarkoutsTaken(order_id=rig.of("C1").order_id, exec_id="x"))
    assert missing(rig, alpha=last, copy=last) is None, "nobody is told of markouts"


def test_the_oldest_cursor_of_those_that_miss_something_is_told():
    rig = traded()
    last = rig.origins["ALPHA"]
    assert missing(rig, alpha=last - 1, copy=last) == last - 1
    assert missing(rig, alpha=last, copy=2) == 2
    assert missing(rig, alpha=last - 1, copy=2) == 2


def test_answers_to_requests_about_nothing_are_missed_by_their_session_alone():
    rig = traded()
    last = rig.origins["ALPHA"]
    rig.cancel("nothing")
    assert missing(rig, alpha=last, copy=last) == last
    assert missing(rig, alpha=rig.origins["ALPHA"], copy=last) is None
    last = rig.origins["ALPHA"]
    rig.send("q", (11, "Q1"), (530, "7"), (60, datetime.now(UTC).strftime("%Y%m%d-%H:%M:%S")))
    assert missing(rig, alpha=last, copy=last) == last


def test_a_snapshot_keeps_it():
    rig = traded()
    last = rig.origins["ALPHA"]
    cold = thaw(freeze(rig.desk.blotter))
    assert missing(rig, cold, alpha=last, copy=last) is None
    assert missing(rig, cold, alpha=last, copy=last - 1) == last - 1
