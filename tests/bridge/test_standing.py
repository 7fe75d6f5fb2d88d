"""A start from a snapshot is a start from the first entry, whatever happened (DURABILITY.md section 3)."""

import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from bridge.journal.file import FileJournal
from bridge.journal.payload import pack, unpack
from bridge.journal.reader import EVERYTHING, JournalReader
from bridge.journal.snapshot import snapshot_name, write_snapshot
from bridge.journal.state import blotter_at, take_snapshot
from bridge.journal.state import fold as book_alone
from bridge.orders.blotter import Blotter
from bridge.orders.blotter import freeze as freeze_book
from bridge.orders.events import Entry, LimitChanged, Scope, TradingHalted, TradingResumed, TradingState
from bridge.risk.limits import row
from bridge.standing import RiskTerms, Standing, folding, freeze, newest, thaw
from sessions.clock import ManualClock
from tests.bridge.desk.rig import Rig
from tests.bridge.journal.stand import T0
from tests.bridge.journal.trading import day_of_trading

TERMS = RiskTerms("starter", (row("R03", "1000", Scope.GLOBAL), row("R18", "2", Scope.SESSION, "ALPHA1")))


def empty() -> Standing:
    return Standing(Blotter(), TERMS.portfolio())


def entries(directory: Path) -> list[Entry]:
    return list(JournalReader(directory).read())


def test_a_scope_that_was_loosened_halfway_is_so_after_a_snapshot():
    standing = empty()
    for seq, event in enumerate(
        [
            TradingHalted(scope=Scope.ACCOUNT, name="ACC1", state=TradingState.LOCKED, who="ann", reason="x"),
            TradingResumed(scope=Scope.ACCOUNT, name="ACC1", state=TradingState.REDUCE_ONLY, who="ann", reason="y"),
        ],
        1,
    ):
        standing.apply(Entry(seq, T0, event))
    cold = thaw(freeze(standing), TERMS)
    assert cold.blotter.state(Scope.ACCOUNT, "ACC1") is TradingState.REDUCE_ONLY
    assert cold.portfolio.states.of(Scope.ACCOUNT, "ACC1") is TradingState.REDUCE_ONLY


def test_the_limits_are_those_configured_now_and_the_changes_since(tmp_path):
    standing = empty()
    change = LimitChanged(rule="R03", scope=Scope.GLOBAL, new="500", who="ann", reason="x", effective=T0)
    standing.apply(Entry(1, T0, change))
    now = int(T0.timestamp() * 1e9)
    fewer = RiskTerms("starter", (row("R02", "9", Scope.GLOBAL),))
    limits = thaw(freeze(standing), fewer).portfolio.limits
    assert limits.in_force(("R03", Scope.GLOBAL, ""), now).value == 500
    assert limits.in_force(("R02", Scope.GLOBAL, ""), now).value == 9


def test_a_start_uses_the_newest_snapshot_that_it_can_read(tmp_path):
    last = day_of_trading(tmp_path, orders=40)
    everything = empty()
    for entry in entries(tmp_path):
        everything.apply(entry)
    assert newest(tmp_path, TERMS, EVERYTHING).seq == 0, "no snapshot, the empty fold"
    for upto in (last // 3, last // 2):
        assert take_snapshot(tmp_path, upto, folding(TERMS)) == upto
        standing = newest(tmp_path, TERMS, EVERYTHING)
        assert standing.seq == upto
        for entry in JournalReader(tmp_path).read(upto):
            standing.apply(entry)
        assert freeze(standing) == freeze(everything)
    assert newest(tmp_path, TERMS, last // 2 - 1).seq == last // 3, "not one from beyond the journal's end"


@pytest.mark.parametrize(
    "bad",
    [
        b"of another time",
        b"fixbridge state 1\n\xc0",
        pack(b"\x80", b"\x80"),
        pack(b"\xc0"),
        folding(TERMS)(None, iter([]))[:-3],
    ],
)
def test_a_snapshot_that_cannot_be_read_is_passed_over_for_an_older_one_or_the_whole_journal(tmp_path, bad):
    last = day_of_trading(tmp_path, orders=20)
    take_snapshot(tmp_path, last // 2, folding(TERMS))
    write_snapshot(tmp_path, last - 1, bad)
    assert newest(tmp_path, TERMS, EVERYTHING).seq == last // 2
    (tmp_path / snapshot_name(last // 2)).unlink()
    assert newest(tmp_path, TERMS, EVERYTHING).seq == 0
    assert take_snapshot(tmp_path, last, folding(TERMS)) == last
    assert newest(tmp_path, TERMS, EVERYTHING).seq == last


def test_a_book_without_the_risk_part_is_for_who_watches_only(tmp_path):
    last = day_of_trading(tmp_path, orders=20)
    take_snapshot(tmp_path, last // 2, book_alone)
    assert newest(tmp_path, TERMS, EVERYTHING).seq == 0
    assert blotter_at(tmp_path, last // 2).seq == last // 2
    assert take_snapshot(tmp_path, last, folding(TERMS)) == last, "built without the one it cannot use"


def test_a_risk_part_that_does_not_fit_its_book_is_refused():
    with_orders = empty()
    rig = Rig()
    rig.order()
    for entry in rig.journal.read():
        with_orders.apply(entry)
    parts = unpack(freeze(with_orders))
    wrong = pack(freeze_book(Blotter()), bytes(parts.risk))
    with pytest.raises(msgspec.DecodeError, match="does not fit"):
        thaw(wrong, TERMS)


def test_when_somebody_last_traded_is_kept_and_the_journals_own_facts_do_not_move_it(tmp_path):
    day_of_trading(tmp_path, orders=3)
    clock = ManualClock(int((T0 + timedelta(days=9)).timestamp()) * 10**9)
    FileJournal(tmp_path, clock=clock).close()
    standing = empty()
    for entry in entries(tmp_path):
        standing.apply(entry)
    assert standing.moved == T0 + timedelta(seconds=2)
    assert thaw(freeze(standing), TERMS).moved == standing.moved


def test_the_child_builds_what_a_start_reads(tmp_path):
    last = day_of_trading(tmp_path, orders=30)
    command = [sys.executable, "-m", "bridge.standing", str(tmp_path), str(last)]
    subprocess.run(command, check=True, timeout=60, input=msgspec.json.encode(TERMS), cwd=Path(__file__).parents[2])
    standing = newest(tmp_path, TERMS, EVERYTHING)
    assert standing.seq == last
    everything = empty()
    for entry in entries(tmp_path):
        everything.apply(entry)
    assert freeze(standing) == freeze(everything)
    assert standing.portfolio.holding("ACC1", "AAPL").pos == standing.blotter.position("ACC1", "AAPL").qty != Decimal(0)
