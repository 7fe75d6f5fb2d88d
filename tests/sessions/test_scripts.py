"""Runs tests/scripts/*.fix: conversations with one session that people can read, in both roles.

One step per line; `#` begins a comment. The first step names our role and its settings: `acceptor heartbeat=20`.

    connect             a transport is there              lose          it is gone
    I 35=1|112=x        the peer says: 49, 56, 34 and 52 are filled in; 34 counts up, and from a given 34 on;
                        52=<-121> is that many seconds from now
    raw 8=FIX...        the peer's bytes as they are, | for SOH
    E 35=0|112=x|!43    we say next: these fields with these values, 43 not at all
    quiet               we say nothing (more)
    wait 31             seconds pass, in ticks of half a second
    send NAME           our application sends an order with that ClOrdID(11)
    got 35=D|11=a       our application gets, next, this message
    event LoggedOut clean=True    the next event of that kind has these values
    logout TEXT         our application ends the session
    numbers 3 4         the store's next sender and target numbers
    phase logged_on     where the session is
"""

import re
from pathlib import Path

import pytest

from sessions.events import MessageReceived
from sessions.states import PHASE_NAMES
from tests.sessions.peer import Peer, an_order, stamp

SCRIPTS = Path(__file__).parent.parent / "scripts"


def value(text):
    if text in ("true", "false"):
        return text == "true"
    return float(text) if "." in text else int(text) if text.lstrip("-").isdigit() else text


class Stage:
    def __init__(self, role, settings):
        pairs = (pair.split("=") for pair in settings)
        self.peer = Peer(initiator=role == "initiator", **{name: value(text) for name, text in pairs})
        self.heard = []

    def listen(self):
        self.heard += self.peer.hear()

    def says(self, body):
        fields = dict(field.split("=", 1) for field in body.split("|"))
        header = {}
        if "34" in fields:
            number = int(fields.pop("34"))
            header["seq"] = number
            if fields.get("43") != "Y":
                self.peer.next = number + 1
        if shift := re.fullmatch(r"<([-+]?[0-9.]+)>", fields.get("52", "")):
            fields["52"] = stamp(self.peer.clock, float(shift[1]))
        for tag in ("43", "49", "50", "52", "56", "57", "97", "115", "116", "122", "128", "129"):
            if tag in fields:
                text = fields.pop(tag)
                header["t" + tag] = stamp(self.peer.clock) if text == "now" else text
        self.peer.say("|".join(f"{tag}={text}" for tag, text in fields.items()), **header)

    def expects(self, body):
        self.listen()
        assert self.heard, f"nothing was said instead of {body}"
        message = self.heard.pop(0)
        for field in body.split("|"):
            tag, _, text = field.partition("=")
            if tag.startswith("!"):
                assert tag[1:] not in message, f"{message} has {tag[1:]}"
            else:
                assert tag in message, f"{message} lacks {tag}"
                assert message[tag] == text, f"{message} where {field} was expected"

    def got(self, body):
        wanted = dict(field.split("=", 1) for field in body.split("|"))
        position = next((n for n, e in enumerate(self.peer.events) if isinstance(e, MessageReceived)), None)
        assert position is not None, f"the application got nothing instead of {body}"
        event = self.peer.events.pop(position)
        found = {"35": event.header.msg_type, "34": str(event.header.msg_seq_num)}
        found |= {"11": getattr(event.message, "cl_ord_id", None), "43": "Y" if event.header.poss_dup_flag else "N"}
        assert {tag: found[tag] for tag in wanted} == wanted

    def event(self, kind, wanted):
        position = next((n for n, e in enumerate(self.peer.events) if type(e).__name__ == kind), None)
        assert position is not None, f"no {kind} among {self.peer.events}"
        event = self.peer.events.pop(position)
        for name, text in (pair.split("=", 1) for pair in wanted):
            assert str(getattr(event, name)) == text.replace("_", " "), event

    def step(self, word, rest):
        peer = self.peer
        if word == "connect":
            peer.connect()
        elif word == "lose":
            peer.lose()
        elif word == "I":
            self.says(rest)
        elif word == "raw":
            peer.raw(rest.replace("|", "\x01").encode("latin-1"))
        elif word == "E":
            self.expects(rest)
        elif word == "quiet":
            self.listen()
            assert self.heard == []
        elif word == "wait":
            peer.wait(float(rest))
        elif word == "send":
            peer.session.send(an_order(rest))
            peer.pump()
        elif word == "got":
            self.got(rest)
        elif word == "event":
            kind, *wanted = rest.split()
            self.event(kind, wanted)
        elif word == "logout":
            peer.session.logout(rest)
            peer.pump()
        elif word == "numbers":
            assert f"{peer.store.next_sender} {peer.store.next_target}" == rest
        elif word == "phase":
            assert PHASE_NAMES[type(peer.session.phase)] == rest
        else:
            raise ValueError(f"no step is called {word}")


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.fix")), ids=lambda path: path.stem)
def test_the_conversation_goes_as_written(path):
    stage = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        if not line:
            continue
        word, _, rest = line.partition(" ")
        if stage is None:
            stage = Stage(word, rest.split())
            continue
        try:
            stage.step(word, rest.strip())
        except (AssertionError, ValueError) as error:
            raise AssertionError(f"{path.name}:{number}: {line}\n{error}") from error


def test_there_are_scripts_for_both_roles():
    roles = {
        next(line for line in path.read_text().splitlines() if line and not line.startswith("#")).split()[0]
        for path in SCRIPTS.glob("*.fix")
    }
    assert roles == {"acceptor", "initiator"}
