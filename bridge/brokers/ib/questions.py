"""Questions under way: rows are collected until their end is told, an error fails them, silence is no answer.

Some of IB's answers carry no request id (open and completed orders, positions, market rules, the time). Their end
could be the late end of an earlier question, and close a list that is not complete: so one of a kind is under way at
a time, and when one of these is not answered in time the connection is given up, which also ends the confusion.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from bridge.brokers.ib.ids import QUESTIONS
from bridge.interfaces import BrokerUnreachable


class IbRefused(Exception):
    """IB answered a question with an error: `code` and `text` are its own."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.text = text
        super().__init__(f"{text} ({code})")


Started = Callable[[], None]


class Question:
    """One question: its rows so far, and the future that its end resolves."""

    __slots__ = ("future", "incomplete", "rows")

    def __init__(self) -> None:
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.rows: list[Any] = []
        self.incomplete: str | None = None


class Questions:
    """`by_id` and `by_kind` from tasks: their `send` gets what to call when the question leaves. The rest: the tap."""

    def __init__(self, timeout: float, mute: Callable[[str], None]) -> None:
        """`timeout` in seconds; `mute` is called when a question without an id was not answered."""
        self._timeout = timeout
        self._mute = mute
        self._open: dict[int | str, Question] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._next = QUESTIONS
        self.count = 0

    async def by_id(self, send: Callable[[int, Started], None]) -> list[Any]:
        """The rows of a question with an id of its own. Raises BrokerUnreachable, and IbRefused for IB's error."""
        self._next += 1
        number = self._next
        question = await self._answered(number, lambda started: send(number, started))
        return question.rows

    async def by_kind(self, kind: str, send: Callable[[Started], None]) -> Any:
        """The rows of a question without an id, or what came with its end. Raises BrokerUnreachable."""
        async with self._turns.setdefault(kind, asyncio.Lock()):
            question = await self._answered(kind, send)
        return question.future.result() or question.rows

    async def _answered(self, key: int | str, send: Callable[[Started], None]) -> Question:
        question = self._open[key] = Question()
        self.count += 1
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as patience:
                # IB's time begins when the question leaves, which the message rate may put off
                send(lambda: patience.reschedule(loop.time() + self._timeout))
                await asyncio.shield(question.future)
        except TimeoutError:
            if isinstance(key, str):
                self._mute(f"IB did not answer about {key} in {self._timeout:g} s")
            raise BrokerUnreachable(f"IB did not answer in {self._timeout:g} s") from None
        finally:
            if self._open.get(key) is question:
                del self._open[key]
            if question.future.done() and not question.future.cancelled():
                question.future.exception()  # seen, also when nobody waits any more
        return question

    def row(self, key: int | str, row: Any) -> None:
        """One more row of an answer; without a question it belongs to nobody."""
        question = self._open.get(key)
        if question is not None:
            question.rows.append(row)

    def end(self, key: int | str, value: Any = None) -> None:
        """The answer is complete."""
        question = self._open.get(key)
        if question is None or question.future.done():
            return
        if question.incomplete is not None:
            question.future.set_exception(BrokerUnreachable(question.incomplete))
        else:
            question.future.set_result(value)

    def fail(self, key: int, code: int, text: str) -> bool:
        """IB's error about a question; False when the id is no question's."""
        if key < QUESTIONS:
            return False
        question = self._open.get(key)
        if question is not None and not question.future.done():
            question.future.set_exception(IbRefused(code, text))
        return True

    def spoil(self, text: str) -> None:
        """Something could not be read: it may have been a row of any answer that is under way, so none is complete."""
        for question in self._open.values():
            question.incomplete = text

    def lose(self, text: str) -> None:
        """The connection is gone: whoever waits gets no answer."""
        for question in list(self._open.values()):
            if not question.future.done():
                question.future.set_exception(BrokerUnreachable(text))
