"""Journals of past releases must be read and folded by this one to the same state."""

import json
import shutil
from pathlib import Path

import pytest

from bridge.journal.encoding import decode, encode
from bridge.journal.evidence import cat_records, verify
from bridge.journal.file import FileJournal
from bridge.orders.events import AnyEvent, Segment, snake_case
from sessions.clock import SystemClock
from tests.bridge.journal.golden import told

RELEASES = sorted((Path(__file__).parents[2] / "golden" / "journals").iterdir())
EVERY = pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)


def test_there_are_golden_journals():
    assert RELEASES


@EVERY
@pytest.mark.parametrize("name", ["trading", "kinds"])
def test_an_old_journal_checks_out(release, name):
    verdict = verify(release / name)
    assert verdict.faults == ()
    assert verdict.clean
    assert verdict.entries > 30


def contained(old, new):
    """Everything of `old` is in `new` with the same value; fields may have been added."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(key in new and contained(value, new[key]) for key, value in old.items())
    if isinstance(old, list):
        return isinstance(new, list) and len(old) == len(new) and all(map(contained, old, new))
    return old == new


@EVERY
def test_an_old_journal_folds_to_the_state_it_had(release):
    expected = json.loads((release / "expected.json").read_text())
    now = told(release / "trading")
    assert len(expected["orders"]) > 20
    assert contained(expected, now)


@EVERY
def test_every_field_of_every_old_event_is_still_understood(release):
    for record in cat_records(release / "kinds"):
        assert json.loads(encode(decode(record))) == json.loads(record)


@EVERY
def test_an_old_journal_goes_on(release, tmp_path):
    place = tmp_path / "journal"
    shutil.copytree(release / "trading", place)
    journal = FileJournal(place, clock=SystemClock())
    assert journal.recovered.clean
    journal.close()
    assert verify(place).good


def test_the_newest_golden_journal_has_every_kind_of_event():
    kinds = {json.loads(record)["event"]["type"] for record in cat_records(RELEASES[-1] / "kinds")}
    missing = {snake_case(kind.__name__) for kind in AnyEvent.__args__} - {snake_case(Segment.__name__)} - kinds
    assert not missing, "write the golden journal of the release to come: see tests/bridge/journal/golden.py"
