"""The same without `await`, for notebooks and scripts: a loop of its own in a thread of its own.

from bridge.sdk.sync import Bridge

with Bridge() as bridge:
    order = bridge.buy("AAPL", "100", limit="187.25", account="PAPER")
    print(order.done(within=5).ord_status)
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, TypeVar

from bridge.sdk import bridge as asynchronous
from bridge.sdk import order as live

T = TypeVar("T")
_NOTHING = object()


class _Loop:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fixbridge sdk", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, run over there. An interrupt here cancels it there."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        """What an async iterator gives, one by one."""

        async def following() -> Any:
            return await anext(items, _NOTHING)

        async def close() -> None:
            closing = getattr(items, "aclose", None)
            if closing is not None:
                await closing()

        try:
            while True:
                item = self.run(following())
                if item is _NOTHING:
                    return
                yield item
        finally:
            self.run(close())

    def stop(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Order:
    """A live order; waits instead of being awaited. Attributes are those of `bridge.sdk.Order`."""

    def __init__(self, loop: _Loop, order: live.Order) -> None:
        self._loop = loop
        self._order = order

    def __getattr__(self, name: str) -> Any:
        return getattr(self._order, name)

    def __repr__(self) -> str:
        return repr(self._order)

    def done(self, within: float | None = None) -> "Order":
        """Return once the order has ended. TimeoutError after `within` seconds."""
        self._loop.run(self._order.done(within))
        return self

    def working(self, within: float | None = None) -> "Order":
        """Return once the broker has said something about it. Raises Refused when that was no."""
        self._loop.run(self._order.working(within))
        return self

    def fills(self) -> Iterator[Any]:
        """Every fill, from the first on; ends when the order has ended."""
        return self._loop.iterate(self._order.fills())

    def replace(self, **terms: Any) -> "Order":
        """Ask for new terms."""
        self._loop.run(self._order.replace(**terms))
        return self

    def cancel(self) -> "Order":
        """Ask for the remainder to be cancelled."""
        self._loop.run(self._order.cancel())
        return self


class Bridge:
    """Every method of `bridge.sdk.Bridge`, without `await`; lists and orders come ready, entries as an iterator."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._loop = _Loop()
        self._bridge: asynchronous.Bridge
        self._make = (arguments, options)

    def __enter__(self) -> "Bridge":
        """Connect."""
        arguments, options = self._make

        async def connect() -> asynchronous.Bridge:
            return await asynchronous.Bridge(*arguments, **options).__aenter__()

        try:
            self._bridge = self._loop.run(connect())
        except BaseException:
            self._loop.stop()
            raise
        self.risk = _Waiting(self._loop, self._bridge.risk)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect. Orders stay as they are."""
        self._loop.run(self._bridge.close())
        self._loop.stop()

    def entries(self, **options: Any) -> Iterator[Any]:
        """Entries as they come; see `bridge.sdk.Bridge.entries`."""
        return self._loop.iterate(self._bridge.entries(**options))

    def __getattr__(self, name: str) -> Any:
        return getattr(_Waiting(self._loop, self._bridge), name)


class _Waiting:
    """Calls async methods and waits for them; orders in the result become synchronous ones."""

    def __init__(self, loop: _Loop, target: Any) -> None:
        self._loop = loop
        self._target = target

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._target, name)
        if not asyncio.iscoroutinefunction(attribute):
            return attribute

        def call(*arguments: Any, **options: Any) -> Any:
            arguments = tuple(each._order if isinstance(each, Order) else each for each in arguments)
            return self._synchronous(self._loop.run(attribute(*arguments, **options)))

        return call

    def _synchronous(self, result: Any) -> Any:
        if isinstance(result, live.Order):
            return Order(self._loop, result)
        if isinstance(result, list):
            return [self._synchronous(each) for each in result]
        return result
