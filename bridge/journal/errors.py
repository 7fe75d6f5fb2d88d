"""What can go wrong with a journal, as exceptions.

JournalError                 nothing can be written, or the directory cannot be used
├── JournalLocked            another process holds the directory
├── JournalDamaged           a record that was promised to be kept does not check out: for people, never skipped
├── JournalTrimmed           the entries asked for were deleted by retention
└── JournalUnflushable       the file system cannot keep the promise of the mode
"""

from bridge.interfaces import JournalError

__all__ = ["JournalDamaged", "JournalError", "JournalLocked", "JournalTrimmed", "JournalUnflushable"]


class JournalLocked(JournalError):
    """The directory is in use; the message names who holds it."""


class JournalDamaged(JournalError):
    """A record in the middle does not check out: `file` and `offset` (bytes) say where, `seq` is the last good one."""

    def __init__(self, file: str, offset: int, seq: int, reason: str) -> None:
        super().__init__(
            f"{file} is damaged at byte {offset}, after seq {seq}: {reason}."
            " Nothing was changed; see `fixbridge journal verify` and `repair`."
        )
        self.file = file
        self.offset = offset
        self.seq = seq
        self.reason = reason


class JournalTrimmed(JournalError):
    """Entries at or below `kept_after` are no longer kept."""

    def __init__(self, after: int, kept_after: int) -> None:
        super().__init__(f"entries {after + 1} to {kept_after} were deleted by retention; start from a snapshot")
        self.kept_after = kept_after


class JournalUnflushable(JournalError):
    """A flush on this file system means nothing (tmpfs), or a lock on it does not hold (network file systems)."""
