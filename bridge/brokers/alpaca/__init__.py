"""Alpaca: stocks, ETFs and crypto, paper and live (docs/alpaca.md). Needs the extra `alpaca`."""

from bridge.brokers.alpaca.broker import AlpacaBroker
from bridge.brokers.alpaca.door import DoorTaken
from bridge.brokers.alpaca.endpoints import Endpoints, WrongMode, endpoints

__all__ = ["AlpacaBroker", "DoorTaken", "Endpoints", "WrongMode", "endpoints"]
