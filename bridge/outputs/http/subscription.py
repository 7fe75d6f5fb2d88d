"""One subscription of a stream: a filter, a position in the journal, and the newest state it has seen."""

import asyncio

from bridge.outputs.http import stream_frames as frames
from bridge.outputs.http.entries import shown
from bridge.outputs.http.principal import Principal
from bridge.outputs.http.state_board import Item
from bridge.outputs.stream import Outward, Stream


class Subscription:
    """One filter with its position. `cursor` is how far the client has been told."""

    def __init__(self, frame: frames.Subscribe, principal: Principal, stream: Stream, version: int) -> None:
        self.id = frame.id
        self.states = frame.states
        self.accounts = None if frame.accounts is None else frozenset(frame.accounts)
        self.symbols = None if frame.symbols is None else frozenset(frame.symbols)
        self._types = None if frame.types is None else frozenset(frame.types)
        self._principal = principal
        self.entries = frame.types is None or bool(frame.types)
        self.follower = stream.follow(stream.last if frame.after is None else frame.after, self._wanted)
        self.sending = False
        self._sent = self.follower.position
        self.version = version
        self.tasks: list[asyncio.Task[None]] = []

    @property
    def cursor(self) -> int:
        """Everything that matches up to here has been sent."""
        return self._sent if self.sending else self.follower.position

    def sent(self, seq: int) -> None:
        """The entry was handed to the socket."""
        self._sent = seq

    def _wanted(self, item: Outward) -> bool:
        return (
            (self._types is None or item.type in self._types)
            and (self.accounts is None or item.account in self.accounts)
            and (self.symbols is None or item.symbol in self.symbols)
            and shown(item, self._principal)
        )

    def shows(self, item: Item) -> bool:
        """Whether a state is among what was asked for and may be seen."""
        if item.account and not (
            self._principal.sees(item.account) and (self.accounts is None or item.account in self.accounts)
        ):
            return False
        return not item.symbol or self.symbols is None or item.symbol in self.symbols
