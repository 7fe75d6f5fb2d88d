"""The thread that may wait for the disk, so that the loop never does.

fdatasync drops the interpreter lock; on the loop its lag was 60 to 300 ms on a busy disk, in a thread 1 to 3 ms
(DURABILITY.md section 4).
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

Job = Callable[[], None]


class Worker(Protocol):
    """Runs jobs one after the other, elsewhere."""

    def submit(self, job: Job, delay: float = 0.0) -> None:
        """Run `job` after the jobs before it, `delay` seconds from its turn unless hurried."""
        ...

    def hurry(self) -> None:
        """End the delay that runs now, or the next one."""
        ...

    def close(self) -> None:
        """Finish all jobs, without delays, and end."""
        ...


class ThreadWorker:
    """One daemon thread. Jobs do not raise: what goes wrong they report themselves."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[tuple[Job, float] | None] = SimpleQueue()
        self._hurry = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Job, delay: float = 0.0) -> None:
        """Queue it."""
        self._jobs.put((job, delay))

    def hurry(self) -> None:
        """End the delay that runs now, or the next one."""
        self._hurry.set()

    def close(self) -> None:
        """Drain and join."""
        self._closing = True
        self._hurry.set()
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, delay = item
            if delay and not self._closing:
                self._hurry.wait(delay)
                if not self._closing:
                    self._hurry.clear()
            job()
