"""The account's money: balances by Kraken's asset names."""

from collections.abc import Mapping
from decimal import Decimal

from market_sim.kraken_orders import Trade


class Ledger:
    """Exact to the last digit; a balance never falls below zero."""

    def __init__(self, balances: Mapping[str, Decimal]) -> None:
        self.balances = dict(balances)

    def settle(self, trade: Trade) -> None:
        """Exchange the assets of a fill and take its fee.

        Raises `ValueError` if the account does not have them: the order was not checked.
        """
        sign = 1 if trade.wanted.buy else -1
        self._move(trade.pair.base_asset, sign * trade.size)
        self._move(trade.pair.quote_asset, -sign * trade.cost - trade.fee)

    def _move(self, asset: str, amount: Decimal) -> None:
        balance = self.balances.get(asset, Decimal(0)) + amount
        if balance < 0:
            raise ValueError(f"{asset} would fall to {balance}; check an order before it trades")
        self.balances[asset] = balance
