"""The tail and the stream: every released entry once, in order, whoever is far behind included."""

import asyncio
import os
import socket

import msgspec
import pytest

from bridge.orders.blotter import Blotter
from bridge.orders.events import Entry
from bridge.orders.order import Order
from bridge.outputs.stream import Stream
from bridge.outputs.tail import Tail, WakeSocket
from tests.bridge.outputs.script import Script


class Recorder:
    def __init__(self, cursor: int = 0, name: str = "recorder") -> None:
        self.cursor = cursor
        self.name = name
        self.seen: list[tuple[int, str | None]] = []

    def on_entry(self, entry: Entry, order: Order | None) -> None:
        self.seen.append((entry.seq, order.ord_status.value if order is not None else None))


class Broken(Recorder):
    def on_entry(self, entry: Entry, order: Order | None) -> None:
        raise RuntimeError("out of order")


async def caught_up(tail: Tail) -> None:
    task = asyncio.create_task(tail.run())
    await asyncio.wait_for(tail.caught_up(), 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_sink_is_shown_exactly_the_entries_above_its_cursor() -> None:
    script = Script()
    order = script.working()
    script.fill(order, "100", "187.25")
    old, new = Recorder(0), Recorder(3)
    await caught_up(Tail(script, script, Stream(script), (old, new)))
    assert [seq for seq, _ in old.seen] == [1, 2, 3, 4]
    assert new.seen == [(4, "filled")]


async def test_nothing_above_the_head_is_shown() -> None:
    script = Script()
    script.order()
    script.hold = True
    script.order()
    sink = Recorder()
    await caught_up(Tail(script, script, Stream(script), (sink,)))
    assert [seq for seq, _ in sink.seen] == [1]


async def test_a_sink_that_raises_is_dropped_and_the_others_go_on() -> None:
    script = Script()
    script.working()
    sink = Recorder()
    tail = Tail(script, script, Stream(script), (Broken(name="broken"), sink))
    await caught_up(tail)
    assert tail.failed == {"broken": "RuntimeError: out of order"}
    assert [seq for seq, _ in sink.seen] == [1, 2, 3]


async def test_the_fold_starts_at_the_snapshot_below_the_lowest_cursor() -> None:
    script = Script()
    first = script.working()
    script.fill(first, "40", "187.25")
    asked: list[int] = []

    class Stored:
        def fold(self, upto: int) -> Blotter:
            asked.append(upto)
            blotter = Blotter()
            for entry in script.read(0, 2):
                blotter.apply(entry)
            return blotter

        read = script.read

    sink = Recorder(3)
    tail = Tail(Stored(), script, Stream(script), (sink,))
    await caught_up(tail)
    assert asked == [3]
    assert sink.seen == [(4, "partially_filled")]
    assert tail.blotter.order(first) == script.blotter.order(first)


async def test_the_tail_wakes_for_a_byte_and_knows_when_the_engine_is_gone() -> None:
    script = Script()
    ours, theirs = socket.socketpair()
    wake = WakeSocket(os.dup(ours.fileno()))
    ours.close()
    sink = Recorder()
    tail = Tail(script, script, Stream(script), (sink,), wake)
    task = asyncio.create_task(tail.run())
    await tail.caught_up()
    script.order()
    theirs.send(b"\0")
    await asyncio.wait_for(tail.stream.beyond(0), 0.2)
    assert [seq for seq, _ in sink.seen] == [1]
    theirs.close()
    await asyncio.wait_for(wake.gone.wait(), 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    wake.close()


async def test_a_follower_reads_memory_and_waits_for_more() -> None:
    script = Script()
    script.working()
    stream = Stream(script)
    task = asyncio.create_task(Tail(script, script, stream, (Recorder(),)).run())
    follower = stream.follow(0)
    await stream.beyond(2)
    assert [item.seq for item in await follower.next(2)] == [1, 2]
    assert [item.seq for item in await follower.next(2)] == [3]
    waiting = asyncio.create_task(follower.next(2))
    script.order()
    assert [item.seq for item in await asyncio.wait_for(waiting, 1)] == [4]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_follower_that_is_far_behind_folds_the_journal_again_and_misses_nothing() -> None:
    script = Script()
    for _ in range(200):
        order = script.working()
        script.fill(order, "100", "187.25")
    stream = Stream(script, capacity=50)
    tail = Tail(script, script, stream, (Recorder(),))
    await caught_up(tail)
    assert stream.floor > 0
    with pytest.raises(ValueError, match="no longer in memory"):
        stream.after(0, 10)
    follower = stream.follow(10)
    got = []
    while len(got) < 790:
        got += await follower.next(64)
    assert [item.seq for item in got] == list(range(11, 801))
    bodies = [msgspec.json.decode(item.data) for item in got]
    assert bodies[0]["order"]["last_seq"] == 11
    assert bodies[-1]["order"]["ord_status"] == "filled"


async def test_a_follower_may_go_back_to_what_was_not_delivered() -> None:
    script = Script()
    for _ in range(100):
        script.working()
    stream = Stream(script, capacity=20)
    await caught_up(Tail(script, script, stream, (Recorder(),)))
    follower = stream.follow(0)
    await follower.next(30)
    follower.seek(5)
    assert (await follower.next(3))[0].seq == 6


async def test_a_filtered_follower_moves_past_what_it_does_not_want() -> None:
    script = Script()
    order = script.working()
    script.working(account="ACC2")
    script.fill(order, "1", "187.25")
    stream = Stream(script)
    await caught_up(Tail(script, script, stream, (Recorder(),)))
    follower = stream.follow(0, lambda item: item.type == "order_filled")
    [item] = await follower.next(10)
    assert (item.account, item.type, item.symbol, follower.position) == ("ACC1", "order_filled", "AAPL", 7)


async def test_how_far_a_reader_is_behind_is_told_in_entries_and_seconds() -> None:
    script = Script()
    script.order()
    script.later(30)
    script.order()
    stream = Stream(script)
    await caught_up(Tail(script, script, stream, (Recorder(),)))
    script.later(12)
    assert stream.behind(2, script.now) == (0, 0.0)
    assert stream.behind(1, script.now) == (1, 12.0)
    assert stream.behind(0, script.now) == (2, 42.0)
