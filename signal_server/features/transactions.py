"""Transactions: trades per bar. The live stream has no count of them: not for live models."""

from signal_server.features.feature import Group, Unit, feature
from signal_server.features.indicators import Indicators
from signal_server.features.windows import Array, ratio


@feature(Group.TRANSACTIONS, ("transactions",), 20, unit=Unit.RATIO)
def transactions_ratio_20(of: Indicators) -> Array:
    """Trades against their mean over 20 bars; 1 when there were none."""
    return ratio(of.transactions, of.sma("transactions", 20), 1.0)


@feature(Group.TRANSACTIONS, ("transactions",), 20, unit=Unit.RATIO)
def transactions_trend(of: Indicators) -> Array:
    """Mean trades of 5 bars against 20 bars; 1 when there were none."""
    return ratio(of.sma("transactions", 5), of.sma("transactions", 20), 1.0)


@feature(Group.TRANSACTIONS, ("volume", "transactions"), 20, unit=Unit.RATIO)
def trade_size_ratio_20(of: Indicators) -> Array:
    """Mean size of a trade against its mean over 20 bars; 1 when there were none."""
    return ratio(of.trade_size, of.sma("trade_size", 20), 1.0)
