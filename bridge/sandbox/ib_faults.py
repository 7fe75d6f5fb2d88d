"""What TWS and IB do to a client now and then, each armed for the next request of its kind.

The difference that matters is whether the request was carried out although nobody said so.
"""

from enum import Enum

import msgspec


class On(Enum):
    """The request that a fault strikes."""

    PLACE = "place"
    REPLACE = "replace"
    CANCEL = "cancel"


class How(Enum):
    """What happens to it."""

    TAKEN_THEN_DROP = "taken_then_drop"  # carried out, then the connection breaks before a word is said
    DROP = "drop"  # the connection breaks, and it is not carried out
    TAKEN_MUTE = "taken_mute"  # carried out, and this client is told nothing of it
    LOST = "lost"  # not carried out, and nothing is said
    EXECUTION_FIRST = "execution_first"  # the execution comes before openOrder and orderStatus
    ONLY_EXECUTIONS = "only_executions"  # no status at all
    ONLY_STATUS = "only_status"  # the status says filled, the execution is not sent
    DOUBLED = "doubled"  # every openOrder and orderStatus comes twice
    ERROR = "error"  # refused with `code` and `text`, nothing else is said
    ERROR_THEN_INACTIVE = "error_then_inactive"
    INACTIVE_THEN_ERROR = "inactive_then_error"
    CANCELLED_THEN_ERROR = "cancelled_then_error"
    INACTIVE = "inactive"  # no error text at all
    WARNED = "warned"  # carried out, with `code` and `text` beside it
    HELD = "held"  # carried out, but it waits: 399 and PreSubmitted
    LOCATE = "locate"  # 404, Inactive because shares are being located, alive
    FILLED_FIRST = "filled_first"  # a cancel meets a fill: 10148 comes, the execution after it
    LATE_FILL = "late_fill"  # cancelled, and an execution comes after that


class Fault(msgspec.Struct, kw_only=True):
    """One fault: the first `after` requests of the kind pass, the next `times` are struck."""

    on: On
    how: How
    code: int = 201
    text: str = "Order rejected - reason:"
    after: int = 0
    times: int = 1


class Faults:
    """The armed faults, and what holds until it is taken back."""

    def __init__(self) -> None:
        self.armed: list[Fault] = []
        self.down = False  # nobody is let in, and who was in is out
        self.silent = False  # everything is read and nothing is said
        self.deaf: set[str] = set()  # kinds of questions that are not answered: open, completed, executions, …

    def arm(self, fault: Fault) -> None:
        """Add one."""
        self.armed.append(fault)

    def clear(self) -> None:
        """No more faults."""
        self.armed.clear()
        self.deaf.clear()
        self.down = self.silent = False

    def take(self, on: On) -> Fault | None:
        """The fault that strikes this request, which is used up by it."""
        for fault in self.armed:
            if fault.on is not on:
                continue
            if fault.after > 0:
                fault.after -= 1
                return None
            fault.times -= 1
            if fault.times <= 0:
                self.armed.remove(fault)
            return fault
        return None
