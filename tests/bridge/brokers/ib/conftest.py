"""A started adapter over our TWS, and what tests say to both."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bridge.brokers.ib.venue import IbVenue
from tests.contract.venue import Orders


@pytest.fixture
async def venue(tmp_path: Path) -> AsyncIterator[IbVenue]:
    """A started venue."""
    made = IbVenue(tmp_path)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def orders(venue: IbVenue) -> Orders:
    """Makes orders for the venue."""
    return Orders(venue.symbol, venue.account, venue.adapter.name)
