"""What follows when something has to be asked for: executions that are missing, outcomes the stream does not tell."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from bridge.brokers.alpaca import wire
from bridge.brokers.alpaca.activities import Row
from bridge.brokers.alpaca.answers import Denied, NoReply
from bridge.brokers.alpaca.listener import Listener
from bridge.brokers.alpaca.queries import Queries
from bridge.brokers.alpaca.seen import Seen
from bridge.brokers.alpaca.wire import Unreadable
from bridge.orders.events import Source
from bridge.orders.reports import Executed

log = structlog.get_logger("bridge.brokers.alpaca")

CATCH_UP = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Waits between questions for executions that an order's status shows and no list has yet."""
LONGEST_QUIET = 30.0
UNSEEN_UNTIL_MUTE = 2


class FollowUp:
    """Questions about single orders, each once at a time. Waits in seconds."""

    def __init__(
        self,
        name: str,
        *,
        queries: Queries,
        listener: Callable[[], Listener],
        executed: Callable[[Row, str | None], Executed],
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
        active: Callable[[], bool],
        mute: Callable[[], Awaitable[None]],
        quiet: float,
    ) -> None:
        """`active`: requests can be made; `mute`: the stream does not tell what it should."""
        self._name = name
        self._queries = queries
        self._the_listener = listener
        self._executed = executed
        self._spawn = spawn
        self._active = active
        self._mute = mute
        self._quiet = quiet
        self._catching: set[str] = set()
        self._asking: set[str] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._unseen = 0  # facts in a row that only questions brought, while the stream told nothing

    @property
    def _listener(self) -> Listener:
        return self._the_listener()

    def told(self) -> None:
        """The stream has told something."""
        self._unseen = 0

    def stop(self) -> None:
        """Ask for nothing any more."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def missing(self, seen: Seen) -> None:
        """The broker calls more of the order filled than was told: fetch its executions."""
        if seen.id not in self._catching and self._active():
            self._catching.add(seen.id)
            self._spawn(self._catch_up(seen), "alpaca catch-up")

    async def _catch_up(self, seen: Seen) -> None:
        """Fetch the executions that an order's status shows and the stream did not tell."""
        try:
            for wait in CATCH_UP:
                await asyncio.sleep(wait)
                if self._listener.covered(seen):
                    break
                try:
                    since = wire.moment(seen.created)
                    if since is None:
                        body = await self._queries.order(seen.id)
                        since = wire.moment(body.get("created_at") or body.get("submitted_at"))
                    if since is None:
                        raise Unreadable("an order without its time")
                    rows = [row for row in await self._queries.rows(since) if row.order_id == seen.id]
                    found = [self._executed(row, seen.client_id) for row in rows]
                except (NoReply, Denied, Unreadable) as error:
                    log.warning("no answer about executions", broker=self._name, order=seen.id, error=str(error))
                    continue
                self._listener.executions(found, [seen])
                if self._listener.covered(seen):
                    break
            else:
                log.error(
                    "executions not found",
                    broker=self._name,
                    order=seen.id,
                    filled=str(seen.filled_qty),
                    executed=str(seen.executed),
                )
            self._listener.give_up(seen)
        finally:
            self._catching.discard(seen.id)

    def ask(self, seen: Seen) -> None:
        """Something about the order cannot be concluded from what was told: ask for its state."""
        self._spawn(self._asked(seen, tries=5), "alpaca question")

    async def _asked(self, seen: Seen, tries: int = 1) -> None:
        """Ask for an order's state; once at a time."""
        if seen.id in self._asking or not self._active():
            return
        self._asking.add(seen.id)
        try:
            for attempt in range(tries):
                if attempt:
                    await asyncio.sleep(self._quiet * 2**attempt)
                try:
                    self._listener.body(await self._queries.order(seen.id), Source.RECON)
                    return
                except (NoReply, Denied, Unreadable) as error:
                    log.warning("no answer about an order", broker=self._name, order=seen.id, error=str(error))
        finally:
            self._asking.discard(seen.id)

    def watch(self, seen: Seen) -> None:
        """The broker has taken a request: ask, ever less often, until its outcome has been told."""
        self._later(self._quiet, seen)

    def _later(self, wait: float, seen: Seen) -> None:
        loop, heard = asyncio.get_running_loop(), seen.heard

        def due() -> None:
            self._timers.discard(timer)
            if seen.waits and self._active():
                self._spawn(self._quiet_for(wait, seen, heard), "alpaca quiet order")

        timer = loop.call_later(wait, due)
        self._timers.add(timer)

    async def _quiet_for(self, wait: float, seen: Seen, heard: int) -> None:
        before = seen.progress
        await self._asked(seen)
        if seen.progress != before and seen.heard == heard:
            self._unseen += 1
            log.warning("the stream did not tell what a question brought", broker=self._name, order=seen.id)
            if self._unseen >= UNSEEN_UNTIL_MUTE:
                self._unseen = 0
                await self._mute()
        if seen.waits:
            self._later(min(2 * wait, LONGEST_QUIET), seen)
