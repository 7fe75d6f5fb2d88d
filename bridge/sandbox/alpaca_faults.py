"""What can go wrong between a client and Alpaca, each as one value to arm: at which request, when, and how.

The difference that matters is `carried_out`: whether the order was taken although no usable answer came back.
"""

from enum import Enum

import msgspec


class How(Enum):
    """How a request fails."""

    RESET = "reset"  # the connection breaks without an answer
    CLOSE = "close"  # it is closed in good order, without an answer
    SILENCE = "silence"  # nothing comes, for `seconds`
    SLOW = "slow"  # the answer comes after `seconds`
    PARTIAL = "partial"  # half an answer, then the end
    GARBAGE = "garbage"  # 200 with a body that is no JSON
    STATUS_500 = "500"
    STATUS_502 = "502"  # HTML, as proxies write it
    STATUS_503 = "503"
    STATUS_504 = "504"
    STATUS_429 = "429"  # never carried out
    STATUS_401 = "401"


class Fault(msgspec.Struct, kw_only=True):
    """One fault. `at` is the beginning of `METHOD /path` without `/v2` (`POST /orders`), empty for every request;
    the first `after` such requests pass, the next `times` fail.
    """

    how: How
    at: str = ""
    carried_out: bool = False
    after: int = 0
    times: int = 1
    seconds: float = 0.0


class Faults:
    """The armed faults, in the order they were armed."""

    def __init__(self) -> None:
        self.armed: list[Fault] = []

    def arm(self, fault: Fault) -> None:
        """Add one."""
        self.armed.append(fault)

    def clear(self) -> None:
        """No more faults."""
        self.armed.clear()

    def take(self, request: str) -> Fault | None:
        """The fault that strikes this request, which is used up by it."""
        for fault in self.armed:
            if request.startswith(fault.at):
                if fault.after > 0:
                    fault.after -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self.armed.remove(fault)
                return fault
        return None


class StreamFaults:
    """What goes wrong on the order stream. All counts are of trade updates."""

    def __init__(self) -> None:
        self.refuse: int | None = None  # HTTP status of every handshake, 406 or 429
        self.skip: list[str] = []  # the next update of each event named here is lost
        self.repeat = 1  # each is sent so often
        self.reorder = 0  # so many are held back, then sent last to first
        self.garble = 0  # so many unreadable frames come first
        self.keep_dead = 0.0  # seconds during which a lost connection still counts
        self.without_execution_id = False
