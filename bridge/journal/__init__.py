"""The book of record: checksummed JSON lines in segments, group commit, recovery, snapshots (DURABILITY.md)."""
