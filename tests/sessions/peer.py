"""The other side of a session, built from simplefix so that our codec is never tested against itself."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import simplefix

from fixspec.enums import OrdType, Side
from fixspec.messages import NewOrderSingle
from sessions.clock import ManualClock
from sessions.config import SessionConfig, SessionId
from sessions.events import MessageReceived
from sessions.session import Session
from sessions.store import MemoryStore

SOH = "\x01"


def stamp(clock, seconds=0.0, digits=3):
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=clock.utc_ns() // 1000 + round(seconds * 1e6))
    text = moment.strftime("%Y%m%d-%H:%M:%S.%f")
    return text[: 18 + digits] if digits else text[:17]


def frame(text):
    """`35=A|34=1|...` as a whole message; BodyLength(9) and CheckSum(10) are simplefix's."""
    message = simplefix.FixMessage()
    message.append_pair(8, "FIX.4.4")
    for field in text.strip("|").split("|"):
        tag, _, value = field.partition("=")
        message.append_pair(int(tag), value)
    return message.encode()


class Heard:
    """One message as it came over the wire."""

    def __init__(self, raw):
        self.raw = raw
        self.pairs = [tuple(part.split("=", 1)) for part in raw.decode("latin-1").split(SOH)[:-1]]

    def __getitem__(self, tag):
        return next(value for name, value in self.pairs if name == str(tag))

    def __contains__(self, tag):
        return any(name == str(tag) for name, _ in self.pairs)

    def __str__(self):
        return "|".join("=".join(pair) for pair in self.pairs)

    __repr__ = __str__


def split(data):
    """Messages of a stream, checked for length and checksum the slow way."""
    heard = []
    start = 0
    while start < len(data):
        length_at = data.index(b"\x019=", start) + 3
        body_at = data.index(b"\x01", length_at) + 1
        end = body_at + int(data[length_at : body_at - 1])
        whole = data[start : end + 7]
        assert whole[-7:] == b"10=%03d\x01" % (sum(whole[:-7]) % 256), whole
        heard.append(Heard(whole))
        start = end + 7
    return heard


class Peer:
    """Talks to one Session without a network; we are BRIDGE, it is CLIENT."""

    def __init__(self, *, initiator=False, store=None, clock=None, may_resend=None, next_target=0, **settings):
        self.clock = clock or ManualClock()
        settings.setdefault("id", SessionId("BRIDGE", "CLIENT"))
        self.config = SessionConfig(name="S", **settings)
        self.store = store if store is not None else MemoryStore()
        self.session = Session(
            self.config, self.store, self.clock, initiator=initiator, may_resend=may_resend, next_target=next_target
        )
        self.next = 1
        self.events = []
        self.output = b""

    # --- the session's driver

    def pump(self):
        while True:
            while (event := self.session.next_event()) is not None:
                self.events.append(event)
            self.output += self.session.take_output()
            if not self.session.has_work:
                return
            self.session.work()

    def connect(self):
        self.session.connect()
        self.pump()

    def lose(self, reason="cut"):
        self.session.connection_lost(reason)
        self.pump()

    def wait(self, seconds, step=0.5):
        """Let time pass in steps, as a periodic tick would."""
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            if self.clock.monotonic() >= self.session.due:
                self.session.tick()
                self.pump()

    # --- the peer's mouth and ear

    def text(self, body, seq=None, **header):
        """A message's text with header: 49, 56, 34 and 52 are filled in unless given as t49=..."""
        msg_type, _, rest = body.partition("|")
        fields = {"49": "CLIENT", "56": "BRIDGE", "34": str(self.next if seq is None else seq), "52": stamp(self.clock)}
        fields |= {name[1:]: value for name, value in header.items()}
        if seq is None:
            self.next += 1
        head = "|".join(f"{tag}={value}" for tag, value in fields.items() if value is not None)
        return f"{msg_type}|{head}|{rest}".rstrip("|")

    def say(self, body, seq=None, **header):
        """Send `35=1|112=x` with header; answers are collected."""
        self.raw(frame(self.text(body, seq, **header)))

    def raw(self, data):
        self.session.receive_data(data)
        self.pump()

    def hear(self):
        """What came since last asked."""
        output, self.output = self.output, b""
        return split(output)

    def hear_one(self):
        heard = self.hear()
        assert len(heard) == 1, heard
        return heard[0]

    def logon(self, more="", seq=None, heartbeat=30, **header):
        """Connect and exchange Logon(A); forget both."""
        self.connect()
        self.say(f"35=A|98=0|108={heartbeat}|{more}".strip("|"), seq, **header)
        self.hear()
        assert self.session.established
        self.take_events()

    def order(self, name, seq=None, **header):
        self.say(f"35=D|11={name}|55=IBM|54=1|60={stamp(self.clock)}|38=10|40=1", seq, **header)

    def take_events(self):
        events, self.events = self.events, []
        return events

    def delivered(self):
        """ClOrdID(11) of what reached the application since last asked."""
        return [event.message.cl_ord_id for event in self.take_events() if isinstance(event, MessageReceived)]


_names = itertools.count(1)


def an_order(name=None):
    return NewOrderSingle(
        cl_ord_id=name or f"n{next(_names)}",
        symbol="IBM",
        side=Side.BUY,
        transact_time=datetime(2024, 1, 1, tzinfo=UTC),
        order_qty=Decimal(10),
        ord_type=OrdType.MARKET,
    )
