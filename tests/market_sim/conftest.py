"""A vendor whose bars come when the test says so, and each of the clients that ask it."""

from collections.abc import AsyncIterator

import pytest

from tests.market_sim.listener import CLIENTS
from tests.market_sim.vendor import Vendor, seeded_market, selling


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    async with selling(seeded_market()) as running:
        yield running


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)
