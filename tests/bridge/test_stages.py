"""The stages that begin at the socket."""

from bridge.stages import Stages
from bridge.vitals import Vitals


class Clock:
    def __init__(self) -> None:
        self.now = 1_000

    def __call__(self) -> int:
        return self.now


def test_decoding_runs_from_the_read_and_then_from_the_end_of_the_message_before():
    clock, vitals = Clock(), Vitals()
    stages = Stages(vitals, clock)
    stages.read()
    clock.now += 20_000
    stages.decoded()
    clock.now += 100_000
    stages.handled()
    clock.now += 30_000
    stages.decoded()
    told = vitals.stage("decode").snapshot()
    assert (sum(told["counts"]), told["sum"]) == (2, 50_000)


def test_what_came_by_a_session_counts_from_its_read_and_anything_else_from_now():
    clock = Clock()
    stages = Stages(Vitals(), clock)
    stages.read()
    clock.now += 20_000
    stages.decoded()
    clock.now += 5_000
    assert stages.since() == 1_000
    stages.handled()
    assert stages.since() == clock.now
