"""What trading costs: a fee on each side and slippage against the trader."""

from dataclasses import dataclass

BPS = 10_000.0


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of one market order, in basis points of its value."""

    fee_bps: float
    slippage_bps: float

    @property
    def fee_share(self) -> float:
        """The fee as a share of the order's value."""
        return self.fee_bps / BPS

    @property
    def round_trip_bps(self) -> float:
        """What buying and selling cost together, about, in basis points of the position."""
        return 2 * (self.fee_bps + self.slippage_bps)

    def buy_price(self, market_price: float) -> float:
        """Return the price paid when the market shows `market_price`."""
        return market_price * (1 + self.slippage_bps / BPS)

    def sell_price(self, market_price: float) -> float:
        """Return the price received when the market shows `market_price`."""
        return market_price * (1 - self.slippage_bps / BPS)

    def fee(self, value_quote: float) -> float:
        """Return the fee of an order worth `value_quote`, in quote currency."""
        return value_quote * self.fee_share
