"""A scenario: which faults the difficult broker makes, when, and how often. One YAML file, for tests and for
rehearsals.

    kind: PaperScenario
    name: a bad afternoon
    seed: 7
    faults:
      - {fault: lost_ack, nth: 3}                 # the acknowledgement of the third order is never told
      - {fault: ambiguous_submit, share: 0.05}    # of the orders, chosen by seed and id
      - {fault: stream_drop, at: 30, seconds: 10} # half a minute after the start

Every fault says when it strikes: `nth` (counted from 1), `every` n-th, or a `share` of what it strikes (orders,
cancels, replaces or executions); faults of the connection say `at`, in seconds after the start.
"""

from enum import Enum
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
import yaml


class Fault(Enum):
    """What can go wrong."""

    LOST_ACK = "lost_ack"  # the acknowledgement is never told
    SLOW_ACK = "slow_ack"  # it is told `seconds` later, after fills if need be
    AMBIGUOUS_SUBMIT = "ambiguous_submit"  # no answer; the order arrived (`reaches`) or not
    CANCEL_TOO_LATE = "cancel_too_late"  # the rest is filled just before the cancel
    LATE_FILL = "late_fill"  # the cancel is confirmed; `seconds` later a fill is told that came before it
    REPLACE_RACE = "replace_race"  # `part` of the rest is filled just before the replace
    DUPLICATE_EXECUTION = "duplicate_execution"  # told twice
    REORDERED_EXECUTION = "reordered_execution"  # told after the next execution, or `seconds` later
    BUST = "bust"  # taken back `seconds` later
    CORRECT = "correct"  # `seconds` later its price is another, by `ticks`
    STREAM_DROP = "stream_drop"  # for `seconds` nothing is told; orders work and fill
    UNREACHABLE = "unreachable"  # for `seconds` no question is answered
    RESTART = "restart"  # the broker is away for `seconds`, and comes back with its book


ON_SUBMIT = frozenset({Fault.LOST_ACK, Fault.SLOW_ACK, Fault.AMBIGUOUS_SUBMIT})
ON_CANCEL = frozenset({Fault.CANCEL_TOO_LATE, Fault.LATE_FILL})
ON_REPLACE = frozenset({Fault.REPLACE_RACE})
ON_EXECUTION = frozenset({Fault.DUPLICATE_EXECUTION, Fault.REORDERED_EXECUTION, Fault.BUST, Fault.CORRECT})
TIMED = frozenset({Fault.STREAM_DROP, Fault.UNREACHABLE, Fault.RESTART})


class ScenarioError(ValueError):
    """A scenario is wrong. The text names file, fault, key, what was found and what is allowed."""


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault and when it strikes. `seconds` 0 is at once; `part` of the open quantity; `symbol` limits it to one."""

    fault: Fault
    nth: int | None = None
    every: int | None = None
    share: float | None = None
    at: float | None = None
    seconds: float = 0.0
    symbol: str | None = None
    reaches: bool = True
    part: float = 1.0
    ticks: int = 1

    def fault_of(self) -> str | None:
        """What is wrong with this step, or None."""
        given = [name for name in ("nth", "every", "share", "at") if getattr(self, name) is not None]
        if self.fault in TIMED:
            if given != ["at"] or not self.seconds > 0:
                return "needs `at` and `seconds` above 0, and none of nth, every, share"
        elif len(given) != 1 or given == ["at"]:
            return f"needs exactly one of nth, every, share; found {', '.join(given) or 'none'}"
        for name in ("nth", "every"):
            value = getattr(self, name)
            if value is not None and value < 1:
                return f"{name}: found {value}, allowed are 1 and above"
        if self.share is not None and not 0 < self.share <= 1:
            return f"share: found {self.share}, allowed are above 0 to 1"
        if self.seconds < 0 or (self.at is not None and self.at < 0):
            return "seconds and at cannot be negative"
        if not 0 < self.part <= 1:
            return f"part: found {self.part}, allowed are above 0 to 1"
        return None

    def strikes(self, count: int, key: str, symbol: str | None) -> bool:
        """Does it strike the `count`th thing, whose key makes the random choice?"""
        if self.symbol is not None and symbol != self.symbol:
            return False
        if self.nth is not None:
            return count == self.nth
        if self.every is not None:
            return count % self.every == 0
        return self.share is not None and crc32(key.encode()) / 2**32 < self.share


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A list of faults. Made by `parse` or `load`, which check it."""

    kind: str = "PaperScenario"
    name: str = ""
    seed: int = 1
    faults: tuple[Step, ...] = ()

    @classmethod
    def load(cls, path: Path | str) -> "Scenario":
        """From a YAML file. Raises ScenarioError, OSError."""
        path = Path(path)
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise ScenarioError(f"{path}: not YAML: {error}") from error
        return cls.parse(document, str(path))

    @classmethod
    def parse(cls, document: Any, where: str = "scenario") -> "Scenario":
        """From what YAML gives. Raises ScenarioError."""
        try:
            made = msgspec.convert(document, cls, strict=False)
        except msgspec.ValidationError as error:
            raise ScenarioError(f"{where}: {error}") from error
        if made.kind != "PaperScenario":
            raise ScenarioError(f"{where}: kind: found {made.kind!r}, allowed is PaperScenario")
        for number, step in enumerate(made.faults, 1):
            wrong = step.fault_of()
            if wrong is not None:
                raise ScenarioError(f"{where}: faults[{number}] {step.fault.value}: {wrong}")
        return made
