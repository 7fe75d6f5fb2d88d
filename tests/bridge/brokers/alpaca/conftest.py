from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("alpaca", reason="the extra `alpaca` is not installed")

from tests.bridge.brokers.alpaca.desk import AlpacaDesk


@pytest.fixture
async def desks(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Makes started desks with settings of their own."""
    made: list[AlpacaDesk] = []

    async def make(**settings: Any) -> AlpacaDesk:
        desk = AlpacaDesk(tmp_path, **settings)
        made.append(desk)
        await desk.start()
        return desk

    yield make
    for desk in made:
        await desk.close()


@pytest.fixture
async def desk(desks: Callable[..., Any]) -> AlpacaDesk:
    """A started desk: AAPL is 99.00 to 101.00."""
    return await desks()
