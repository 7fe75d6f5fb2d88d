"""The paper broker: an exchange of our own that fills orders from the market data (docs/paper.md)."""

from bridge.brokers.paper.broker import PaperBroker
from bridge.brokers.paper.model import AccountTerms, FillModel, Resting, StopTrigger

__all__ = ["AccountTerms", "FillModel", "PaperBroker", "Resting", "StopTrigger"]
