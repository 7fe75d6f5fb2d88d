"""Interactive Brokers through TWS or IB Gateway, by ib_async's transport (ADAPTERS.md, part B)."""

from bridge.brokers.ib.broker import IbBroker
from bridge.brokers.ib.options import IbOptions, LibraryMissing

__all__ = ["IbBroker", "IbOptions", "LibraryMissing"]
