"""The inbound half of numbering: which message is next, which came too early, what is missing, what to ask for.

`next` is what has been read, `handled` what the application has done with it; only the latter is in the store. Rules:
FIX 4.4 volume 2, "Message recovery" and "Possible duplicates"; SESSION.md section 1, Gap handling and PossDup.
"""

from typing import TypeAlias

import msgspec

from fixspec.codec import Inbound, SessionReject
from fixspec.enums import SessionRejectReason
from fixspec.messages import Header
from sessions.config import SessionConfig
from sessions.interfaces import Store
from sessions.recovery import Early, ask, ask_on
from sessions.states import Gap

Arrival: TypeAlias = Inbound | SessionReject

GAP_TRIES = 3


class Fault(msgspec.Struct, frozen=True):
    """Why a message gets a Reject(3)."""

    reason: SessionRejectReason
    ref_tag: int | None
    text: str


def poss_dup_fault(header: Header, require_orig_sending_time: bool) -> Fault | None:
    """What is wrong with a PossDupFlag(43)=Y message's OrigSendingTime(122), TC 2.f and 2.g."""
    if header.orig_sending_time is None:
        # Brokers omit it on gap fills (hotfix 332), where it would tell nothing.
        if header.msg_type == "4" or not require_orig_sending_time:
            return None
        text = "PossDupFlag(43)=Y without OrigSendingTime(122)"
        return Fault(SessionRejectReason.REQUIRED_TAG_MISSING, 122, text)
    if header.orig_sending_time > header.sending_time:
        text = "OrigSendingTime(122) is after SendingTime(52)"
        return Fault(SessionRejectReason.SENDING_TIME_ACCURACY_PROBLEM, None, text)
    return None


class Sequence:
    """Numbers of what one session receives; gap and early messages belong to one connection."""

    __slots__ = ("_chunk", "_gap", "_skip_to", "_store", "early", "handled", "next")

    def __init__(self, config: SessionConfig, store: Store) -> None:
        self._store = store
        self._chunk = config.resend_chunk
        self.early: Early[Arrival] = Early(config.limits.max_early_messages, config.limits.max_early_bytes)
        self._gap: Gap | None = None
        self._skip_to = 0
        self.next = self.handled = store.next_target

    def forget(self) -> None:
        """The connection is gone, and with it its gap and early messages (quickfix-j 1243)."""
        self.early.clear()
        self._gap = None
        self._skip_to = 0

    def reload(self) -> None:
        """Begin a connection, or obey the store: what was read and not handled is expected again."""
        self.forget()
        self.next = self.handled = self._store.next_target

    @property
    def gap(self) -> Gap | None:
        """What is missing, if anything."""
        return self._gap

    @property
    def calm(self) -> bool:
        """No gap, nothing early: the next number is simply the next."""
        return self._gap is None and not self.early and self._skip_to <= self.next

    def keep(self, seq_num: int, arrival: Arrival | None, size: int) -> bool:
        """Keep a message that is too early, None if it was acted upon and only counts; False if it was dropped."""
        return self.early.put(seq_num, arrival, size)

    def fill(self, new_seq_no: int) -> None:
        """SequenceReset(4) gap fill: nothing more will come up to `new_seq_no`; what is here is taken in turn."""
        self._skip_to = new_seq_no
        self._skip()

    def _skip(self) -> None:
        first = self.early.first(self.next)
        self.next = self._skip_to if first is None else min(first, self._skip_to)

    def jump(self, new_seq_no: int) -> int:
        """SequenceReset(4) in reset mode: go on at `new_seq_no`; how many early messages that dropped."""
        self.next = new_seq_no
        self._skip_to = 0
        self._gap = None
        return self.early.drop_below(new_seq_no)

    def in_turn(self) -> Arrival | None:
        """Take the early message whose turn it is; those that only count are counted on the way."""
        while True:
            if self.next < self._skip_to and self.next not in self.early:
                self._skip()
            if self.next not in self.early:
                return None
            arrival = self.early.take(self.next)
            if arrival is not None:
                return arrival
            self.next += 1

    def to_ask(self, now: float, *, open_gap: bool = True) -> Gap | None:
        """Follow the gap's progress; what to ask for now, if anything.

        One request per gap; the next piece of a large one, or what a partial answer left out, when the answer reached
        so far. A gap counts as asked for only through `asked`, after the request was really sent (quickfix-j 1114).
        """
        gap = self._gap
        if gap is not None:
            if self.next > gap.end:
                self._gap = gap = None
            elif (more := ask_on(gap, self.next, self._chunk, now)) is not None:
                return more
            elif self.next > gap.begin:
                self._gap = msgspec.structs.replace(gap, begin=self.next, asked_at=now, times=1)
        if gap is None and open_gap and (first := self.early.first(self.next)) is not None:
            return ask(self.next, first - 1, self._chunk, now)
        return None

    def again(self, now: float, timeout: float) -> Gap | None:
        """What to ask for once more because nothing came for `timeout` seconds; `times` then counts the tries."""
        gap = self._gap
        if gap is None or now - gap.asked_at < timeout:
            return None
        return msgspec.structs.replace(gap, begin=self.next, asked_at=now, times=gap.times + 1)

    def asked(self, gap: Gap) -> None:
        """The ResendRequest(2) for `gap` is out, or the peer sends without one (789)."""
        self._gap = gap
