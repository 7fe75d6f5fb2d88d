"""Who asks, and what they may: four roles, `feed` for market data sources, and the accounts a token covers."""

from enum import Enum

import msgspec

from bridge.problems import refuse


class Role(Enum):
    """What a token may do: read is within trade and within risk, admin may everything, feed only pushes quotes."""

    READ = "read"
    TRADE = "trade"
    RISK = "risk"
    ADMIN = "admin"
    FEED = "feed"

    def covers(self, needed: "Role") -> bool:
        """Whether this role includes `needed`."""
        return needed in _COVERS[self]


_COVERS: dict[Role, frozenset[Role]] = {
    Role.READ: frozenset({Role.READ}),
    Role.TRADE: frozenset({Role.READ, Role.TRADE}),
    Role.RISK: frozenset({Role.READ, Role.RISK}),
    Role.ADMIN: frozenset(Role),
    Role.FEED: frozenset({Role.FEED}),
}


class Principal(msgspec.Struct, frozen=True):
    """The holder of a token. Without `accounts` it covers all of them."""

    name: str
    role: Role
    accounts: tuple[str, ...] = ()

    @property
    def session_id(self) -> str:
        """The session its orders enter under, beside the FIX sessions."""
        return f"REST:{self.name}"

    def sees(self, account: str | None) -> bool:
        """Whether what belongs to `account` may be shown; None belongs to no account and is shown to all."""
        return not self.accounts or account is None or account in self.accounts

    def require(self, account: str) -> None:
        """ProblemError `forbidden` when the account is not covered."""
        if not self.sees(account):
            raise refuse(
                "forbidden", f"token {self.name} does not cover account {account}", code="ACCOUNT_NOT_ENTITLED"
            )


ANONYMOUS = Principal("anonymous", Role.ADMIN)
"""Who asks without a token on loopback in the default paper configuration."""
