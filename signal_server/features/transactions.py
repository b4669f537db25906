"""Transactions: trades per bar. The live stream has no count of them: not for live models."""

from signal_server.features.feature import Feature, Group
from signal_server.features.windows import ratio

TRANSACTIONS = (
    Feature(
        "transactions_ratio_20",
        Group.TRANSACTIONS,
        "trades against their mean over 20 bars; 1 when there were none",
        ("transactions",),
        20,
        lambda of: ratio(of.transactions, of.sma("transactions", 20), 1.0),
    ),
    Feature(
        "transactions_trend",
        Group.TRANSACTIONS,
        "mean trades of 5 bars against 20 bars; 1 when there were none",
        ("transactions",),
        20,
        lambda of: ratio(of.sma("transactions", 5), of.sma("transactions", 20), 1.0),
    ),
    Feature(
        "trade_size_ratio_20",
        Group.TRANSACTIONS,
        "mean size of a trade against its mean over 20 bars; 1 when there were none",
        ("volume", "transactions"),
        20,
        lambda of: ratio(of.trade_size, of.sma("trade_size", 20), 1.0),
    ),
)
