"""The paper broker: an exchange of our own that fills orders from the market data (docs/paper.md)."""

from bridge.brokers.paper.broker import PaperBroker
from bridge.brokers.paper.difficult import DifficultBroker
from bridge.brokers.paper.latency import Delay, Latency
from bridge.brokers.paper.ledger import MarginTerms
from bridge.brokers.paper.model import (
    AccountTerms,
    FillModel,
    HouseRules,
    Imitated,
    Resting,
    StopTrigger,
    Taking,
)
from bridge.brokers.paper.options import PaperOptions
from bridge.brokers.paper.scenario import Scenario, ScenarioError

__all__ = [
    "AccountTerms",
    "Delay",
    "DifficultBroker",
    "FillModel",
    "HouseRules",
    "Imitated",
    "Latency",
    "MarginTerms",
    "PaperBroker",
    "PaperOptions",
    "Resting",
    "Scenario",
    "ScenarioError",
    "StopTrigger",
    "Taking",
]
