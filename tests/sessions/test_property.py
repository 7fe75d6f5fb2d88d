"""Two sessions joined by a bad link: whatever happens, every message arrives once and in order in the end.

The link delivers bytes in pieces, loses, repeats and swaps whole messages, and is cut; either side is killed at any
moment, also between the application's effect and its confirmation. The application remembers what it did (as the
journal does), so a message that comes again after such a kill is recognised; it must then bear PossDupFlag(43).
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessions.clock import ManualClock
from sessions.config import Limits, SessionConfig, SessionId
from sessions.events import Closed, MessageReceived
from sessions.session import Session
from sessions.states import Disconnected
from sessions.store import MemoryStore
from tests.sessions.peer import an_order, split


class Side:
    """One process: its store and its application's memory survive a kill, its session does not."""

    def __init__(self, name, other, initiator, clock, **settings):
        self.config = SessionConfig(
            name=name,
            id=SessionId(name, other),
            limits=Limits(resend_slice=3, max_early_messages=5, max_resend_requests=2),
            heartbeat=10,
            gap_timeout_seconds=20,
            **settings,
        )
        self.initiator, self.clock = initiator, clock
        self.store = MemoryStore()
        self.sent, self.done = [], []
        self.doubtful = set()
        self.start()

    def start(self):
        self.session = Session(
            self.config, self.store, self.clock, initiator=self.initiator, may_resend=lambda *_: True
        )

    def kill(self, moment, data):
        """End the process now, or while it reads `data`: before or after the effect of the first message in it."""
        if moment != "now":
            self.session.receive_data(data)
            while (event := self.session.next_event()) is not None:
                if isinstance(event, MessageReceived):
                    if moment == "after effect":
                        self.take(event)
                        self.doubtful.add(event.message.cl_ord_id)
                    break
        self.start()

    def take(self, event):
        name = event.message.cl_ord_id
        if name in self.done:
            assert event.header.poss_dup_flag, f"{name} came twice without PossDupFlag(43)"
            assert name in self.doubtful, f"{name} came twice though its first arrival was confirmed"
        else:
            self.done.append(name)

    def send(self):
        name = f"{self.config.name}{len(self.sent)}"
        self.sent.append(name)
        self.session.send(an_order(name))


class Link:
    def __init__(self, **settings):
        self.clock = ManualClock()
        self.sides = [Side("A", "B", False, self.clock, **settings), Side("B", "A", True, self.clock, **settings)]
        self.pipes = [b"", b""]
        """Bytes on their way from each side."""

    @property
    def up(self):
        return not any(isinstance(side.session.phase, Disconnected) for side in self.sides)

    def connect(self):
        if not self.up:
            self.cut()
            for side in self.sides:
                side.session.connect()
            self.pump()

    def cut(self):
        self.pipes = [b"", b""]
        for side in self.sides:
            side.session.connection_lost("cut")
        self.pump()

    def pump(self):
        ended = False
        for number, side in enumerate(self.sides):
            while (event := side.session.next_event()) is not None:
                if isinstance(event, MessageReceived):
                    side.take(event)
                ended |= isinstance(event, Closed)
            self.pipes[number] += side.session.take_output()
        if ended:
            self.flow()
            self.cut()

    def work(self):
        for side in self.sides:
            side.session.work()
        self.pump()

    def flow(self):
        """What is under way arrives, once."""
        for number, data in enumerate(self.pipes):
            self.pipes[number] = b""
            if data and self.up:
                self.sides[1 - number].session.receive_data(data)

    def deliver(self, number, size):
        data, self.pipes[number] = self.pipes[number][:size], self.pipes[number][size:]
        if self.up:
            self.sides[1 - number].session.receive_data(data)
        self.pump()

    def meddle(self, number, how, at):
        """Lose, repeat or swap whole messages under way."""
        try:
            messages = [heard.raw for heard in split(self.pipes[number])]
        except (AssertionError, ValueError):
            return  # the first message is under way in pieces; a real link could not do it either
        if messages:
            at %= len(messages)
            if how == "lose":
                del messages[at]
            elif how == "repeat":
                messages.insert(at, messages[at])
            else:
                messages[at : at + 2] = reversed(messages[at : at + 2])
        self.pipes[number] = b"".join(messages)

    def tick(self, seconds):
        self.clock.advance(seconds)
        for side in self.sides:
            side.session.tick()
        self.pump()

    def heal(self):
        """From now on nothing goes wrong."""
        for _ in range(400):
            self.connect()
            for _ in range(8):
                self.work()
                self.flow()
                self.pump()
            if all(self.sides[n].done == self.sides[1 - n].sent for n in (0, 1)) and self.settled():
                return
            self.tick(1)
        raise AssertionError(
            [(side.session.status("", True), side.sent, side.done, str(side.session.reason)) for side in self.sides]
        )

    def settled(self):
        one, two = (side.session for side in self.sides)
        return one.next_sender == two.next_target and two.next_sender == one.next_target


side = st.integers(0, 1)
action = st.one_of(
    st.tuples(st.just("send"), side),
    st.tuples(st.just("send"), side),
    st.tuples(st.just("deliver"), side, st.integers(1, 400)),
    st.tuples(st.just("deliver"), side, st.integers(1, 4000)),
    st.tuples(st.just("meddle"), side, st.sampled_from(["lose", "repeat", "swap"]), st.integers(0, 5)),
    st.tuples(st.just("connect")),
    st.tuples(st.just("cut")),
    st.tuples(st.just("kill"), side, st.sampled_from(["now", "before effect", "after effect"])),
    st.tuples(st.just("tick"), st.sampled_from([0.5, 5, 11, 13])),
    st.tuples(st.just("work")),
)


def run(actions, **settings):
    link = Link(**settings)
    link.connect()
    for name, *arguments in actions:
        if name == "send":
            link.sides[arguments[0]].send()
            link.pump()
        elif name == "kill":
            number, moment = arguments
            link.sides[number].kill(moment, link.pipes[1 - number])
            link.cut()
        else:
            getattr(link, name)(*arguments)
    link.heal()
    for number in (0, 1):
        assert link.sides[number].done == link.sides[1 - number].sent


variants = st.fixed_dictionaries(
    {
        "next_expected": st.booleans(),
        "resend_chunk": st.sampled_from([0, 2]),
        "last_processed": st.booleans(),
    }
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(action, max_size=60), variants)
def test_every_message_arrives_once_and_in_order_whatever_the_link_does(actions, chosen):
    run(actions, **chosen)


@pytest.mark.long
@settings(max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(action, max_size=150), variants)
def test_every_message_arrives_once_and_in_order_in_many_more_cases(actions, chosen):
    run(actions, **chosen)
