"""The topic tree below `fixbridge/<name>` (OUTPUTS.md section 1).

The level after the kind is always the owner, so that one ACL line per tenant covers everything that is his. Segments
are percent-encoded outside `A-Za-z0-9._-`; an absent part is `_`.
"""

from functools import lru_cache
from urllib.parse import quote

from bridge.outputs.stream import Outward


@lru_cache(maxsize=8192)
def segment(text: str) -> str:
    """One level of a topic: `BTC/USD` → `BTC%2FUSD`, nothing → `_`."""
    return quote(text, safe="").replace("~", "%7E") or "_"


class Topics:
    """Names of one daemon's topics."""

    def __init__(self, name: str) -> None:
        self.root = f"fixbridge/{segment(name)}"
        self.status = f"{self.root}/status"

    def event(self, item: Outward) -> str:
        """`events/<account>/<type>/<symbol>`."""
        return f"{self.root}/events/{segment(item.account)}/{item.type}/{segment(item.symbol)}"

    def order(self, account: str, order_id: int) -> str:
        """`orders/<account>/<order_id>`."""
        return f"{self.root}/orders/{segment(account)}/{order_id}"

    def position(self, account: str, symbol: str) -> str:
        """`positions/<account>/<symbol>`."""
        return f"{self.root}/positions/{segment(account)}/{segment(symbol)}"

    def account(self, account: str) -> str:
        """`accounts/<account>`."""
        return f"{self.root}/accounts/{segment(account)}"

    def limit(self, account: str, rule: str) -> str:
        """`risk/<account>/<rule>`."""
        return f"{self.root}/risk/{segment(account)}/{segment(rule)}"

    def trading(self, account: str) -> str:
        """`risk/<account>/state`."""
        return f"{self.root}/risk/{segment(account)}/state"

    def session(self, session_id: str) -> str:
        """`sessions/<session>`."""
        return f"{self.root}/sessions/{segment(session_id)}"

    def broker(self, name: str) -> str:
        """`brokers/<broker>`."""
        return f"{self.root}/brokers/{segment(name)}"

    def alert(self, account: str, code: str) -> str:
        """`alerts/<account>/<code>`."""
        return f"{self.root}/alerts/{segment(account)}/{segment(code)}"
