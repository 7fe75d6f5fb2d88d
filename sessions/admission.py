"""Who may try to log on: bounds per address, so that a guess costs time and memory is safe."""

from ipaddress import ip_address, ip_network

import msgspec


class AdmissionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on what a listener takes from people it does not know yet."""

    connections: int = 2_000
    """All connections of the listener."""
    connections_per_address: int = 100
    waiting: int = 200
    """Connections without a verified Logon(A)."""
    failures: int = 10
    """Failed Logon(A) of one address within `failure_window_seconds`, after which it is refused for as long."""
    failure_window_seconds: float = 60.0
    logon_timeout_seconds: float = 10.0
    """How long a connection may wait with its Logon(A)."""
    refusal_seconds: float = 0.5
    """A refused Logon(A) is closed only after so long, whatever the reason: timing tells nothing, guessing is slow."""


class Admission:
    """Counts connections and failures by address. Times are monotonic seconds."""

    __slots__ = ("_connections", "_failures", "_limits", "_total")

    def __init__(self, limits: AdmissionLimits) -> None:
        self._limits = limits
        self._connections: dict[str, int] = {}
        self._failures: dict[str, list[float]] = {}
        self._total = 0

    def enter(self, address: str, waiting: int, now: float) -> str | None:
        """Count a connection; why it may not stay, or None. Every call is followed by one `leave`."""
        self._total += 1
        count = self._connections[address] = self._connections.get(address, 0) + 1
        limits = self._limits
        if self._total > limits.connections:
            return f"over {limits.connections} connections"
        if count > limits.connections_per_address:
            return f"over {limits.connections_per_address} connections from this address"
        if waiting > limits.waiting:
            return f"over {limits.waiting} connections without a Logon(A)"
        if self._recent(address, now) >= limits.failures:
            return "too many failed Logon(A) from this address"
        return None

    def leave(self, address: str) -> None:
        """A connection is gone."""
        self._total -= 1
        left = self._connections[address] - 1
        if left:
            self._connections[address] = left
        else:
            del self._connections[address]

    def fail(self, address: str, now: float) -> None:
        """A Logon(A) of this address was refused."""
        if len(self._failures) >= 10_000:
            self._failures = {known: times for known, times in self._failures.items() if self._recent(known, now)}
        times = self._failures.setdefault(address, [])
        times.append(now)
        del times[: -self._limits.failures]

    def _recent(self, address: str, now: float) -> int:
        since = now - self._limits.failure_window_seconds
        return sum(time > since for time in self._failures.get(address, ()))


def address_allowed(networks: tuple[str, ...], address: str) -> bool:
    """Whether `address` lies in one of the CIDR networks; no networks allow any. An unreadable address is refused."""
    if not networks:
        return True
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return any((mapped or parsed) in ip_network(network) for network in networks)
