"""Prices and clocks that tests of the stand-ins hold in their hands."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
START_PRICES = {"BTC-USD": 60_000.0, "ETH-USD": 3_000.0, "SOL-USD": 150.0, "PEPE-USD": 1.1e-5}


class SteadyPrices:
    """Prices that stay where the test puts them."""

    def __init__(self) -> None:
        self._prices = dict(START_PRICES)

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self._prices)

    def price_at(self, symbol: str, _when: datetime, /) -> float:
        return self._prices[symbol]

    def move(self, symbol: str, share: float) -> None:
        """Put a price so far from its start."""
        self._prices[symbol] = START_PRICES[symbol] * (1 + share)


class SetClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def utc_now() -> datetime:
    """Return the computer's time, for those who cannot be given another."""
    return datetime.now(UTC)
