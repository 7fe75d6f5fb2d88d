"""Every adapter that must keep the contract (ADAPTERS.md, part A) is listed here, with its venue."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bridge.brokers.alpaca.venue import AlpacaVenue
from tests.bridge.brokers.ib.venue import IbVenue
from tests.contract.paper_venue import PaperVenue
from tests.contract.venue import MakeVenue, Orders, Venue

VENUES: dict[str, MakeVenue] = {"paper": PaperVenue, "alpaca": AlpacaVenue, "ib": IbVenue}


@pytest.fixture(params=VENUES.values(), ids=VENUES.keys())
async def venue(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Venue]:
    """A started venue."""
    made: Venue = request.param(tmp_path)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def orders(venue: Venue) -> Orders:
    """Makes orders for the venue."""
    return Orders(venue.symbol, venue.account, venue.adapter.name)
