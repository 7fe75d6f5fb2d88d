"""A process that writes a journal until it is told to stop or dies; it prints each `seq` that it was told is durable.

    python -m tests.bridge.journal.crash_child DIRECTORY MODE BATCHES SEGMENT_BYTES

Whatever number it has printed counts as shown to a client. A JournalError ends it with code 4, as it would the daemon.
"""

import asyncio
import os
import sys
from pathlib import Path

from bridge.interfaces import JournalError
from bridge.journal.file import FileJournal
from sessions.clock import SystemClock
from tests.bridge.journal.stand import batch


def show(durable: int) -> None:
    os.write(1, b"%d\n" % durable)


async def run(directory: Path, mode: str, batches: int, segment_bytes: int) -> None:
    loop = asyncio.get_running_loop()
    journal = FileJournal(
        directory,
        mode=mode,
        clock=SystemClock(),
        loop=loop,
        segment_bytes=segment_bytes,
        allocate_bytes=segment_bytes if mode == "sync" else 0,
        flush_interval=0.002,
        seq_block=60,
    )
    moved = asyncio.Event()
    failed: list[str] = []
    journal.on_failed(lambda reason: (failed.append(reason), moved.set()))
    journal.on_durable(lambda durable: (show(durable), moved.set()))
    show(journal.durable)
    for number in range(batches):
        if failed:
            break
        journal.append(batch(journal.next_seq, 1 + number % 3, "x" * (number % 5 * 40)))
        if mode == "write":
            show(journal.durable)
        if number % 4 == 3:
            moved.clear()
            flushing = journal.durable < journal.next_seq - 1 or journal.flushed < journal.durable
            if flushing and not failed:
                await asyncio.wait_for(moved.wait() if mode == "sync" else asyncio.sleep(0.003), 20)
        else:
            await asyncio.sleep(0)
    if failed:
        raise JournalError(failed[0])
    journal.close()
    show(journal.durable)


if __name__ == "__main__":
    directory, mode, batches, size = sys.argv[1:]
    try:
        asyncio.run(run(Path(directory), mode, int(batches), int(size)))
    except (JournalError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(4)
