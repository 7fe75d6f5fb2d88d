"""Named places where a test may break the daemon (DURABILITY.md section 14).

`point("journal.written")` does nothing until that name is armed, in a test by `arm` or for a whole process by the
environment:

    FIXBRIDGE_FAULTS="journal.flush=error:EIO@3, router.submit=kill"

A fault fires at the named pass, the first by default, and then no more; `@3+` fires from the third on. Actions:

    exit[:code]      leave at once, no clean-up (code 70)
    kill             SIGKILL
    stop:seconds     SIGSTOP, continued after so many seconds
    stall:seconds    the calling thread sleeps: a disk that hangs
    error:ENOSPC     OSError of that name
    cut:bytes        where data is written: only so many bytes, then SIGKILL
    short:bytes      where data is written: the call reports only so many bytes

On the order path write `if faults.armed: faults.point(...)`: that is one truth test of an empty dict.
"""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

VARIABLE = "FIXBRIDGE_FAULTS"


class Fault(msgspec.Struct):
    """One armed fault. `run` is what happens; `first` the pass it fires at, counted from 1; `lasting` from then on."""

    run: Callable[[], int | None]
    first: int = 1
    lasting: bool = False
    passes: int = 0

    def due(self) -> bool:
        """Count one pass; True when the fault fires at it."""
        self.passes += 1
        return self.passes == self.first or (self.lasting and self.passes > self.first)


armed: dict[str, Fault] = {}


def point(name: str) -> None:
    """A place called `name`. Raises whatever the armed fault raises; may not return."""
    if armed and (fault := armed.get(name)) is not None and fault.due():
        fault.run()


def cut(name: str) -> int | None:
    """A place where data is written: how many bytes to write before dying or reporting a short write, None for all."""
    if armed and (fault := armed.get(name)) is not None and fault.due():
        return fault.run()
    return None


def arm(name: str, fault: str | Callable[[], int | None], first: int = 1, *, lasting: bool = False) -> None:
    """Arm one place: `fault` in words as in the environment, or a function. Raises ValueError for words not known."""
    armed[name] = parse(fault) if isinstance(fault, str) else Fault(fault, first, lasting)


def disarm(name: str | None = None) -> None:
    """Disarm one place, or all."""
    if name is None:
        armed.clear()
    else:
        armed.pop(name, None)


@contextmanager
def arming(
    name: str, fault: str | Callable[[], int | None], first: int = 1, *, lasting: bool = False
) -> Iterator[None]:
    """`arm` for the length of a block."""
    arm(name, fault, first, lasting=lasting)
    try:
        yield
    finally:
        disarm(name)


def parse(text: str) -> Fault:
    """`error:EIO@3+` → a Fault. Raises ValueError."""
    action, _, when = text.strip().partition("@")
    lasting = when.endswith("+")
    first = int(when.removesuffix("+")) if when else 1
    verb, _, argument = action.partition(":")
    return Fault(_action(verb, argument), first, lasting)


def _action(verb: str, argument: str) -> Callable[[], int | None]:
    if verb == "exit":
        code = int(argument or 70)
        return lambda: os._exit(code)
    if verb == "kill" and not argument:
        return _kill
    if verb == "stop":
        seconds = float(argument)
        return lambda: _stop(seconds)
    if verb == "stall":
        seconds = float(argument)
        return lambda: time.sleep(seconds)
    if verb == "error":
        number = getattr(errno, argument, None)
        if not isinstance(number, int):
            raise ValueError(f"no error is called {argument!r}")
        return lambda: _raise(number)
    if verb == "cut":
        count = int(argument)
        return lambda: -1 - count
    if verb == "short":
        count = int(argument)
        return lambda: count
    raise ValueError(f"no fault is called {verb!r}: exit, kill, stop, stall, error, cut or short")


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop(seconds: float) -> None:
    """Stop this process; a child that outlives the stop continues it."""
    script = f"import os,time; time.sleep({seconds}); os.kill({os.getpid()}, {int(signal.SIGCONT)})"
    subprocess.Popen([sys.executable, "-c", script], start_new_session=True)  # noqa: S603 - our own words
    os.kill(os.getpid(), signal.SIGSTOP)


def _raise(number: int) -> None:
    raise OSError(number, os.strerror(number) + " (injected)")


def write(name: str, write_some: Callable[[bytes], int], data: bytes) -> int:
    """`write_some(data)` as the fault armed under `name` has it: cut and killed, short, or failing with its error."""
    count = cut(name)
    if count is None:
        return write_some(data)
    if count < 0:
        data = data[: -1 - count]
        if data:
            write_some(data)
        _kill()
    return write_some(data[:count]) if count else 0


def arm_from(text: str) -> None:
    """Arm what the environment names. Raises ValueError, so that a misspelt fault is no silent success."""
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, fault = item.partition("=")
        if not equals:
            raise ValueError(f"{VARIABLE}: {item!r} is not name=fault")
        arm(name.strip(), fault)


arm_from(os.environ.get(VARIABLE, ""))
