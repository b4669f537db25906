"""Records of the trade log, each with every field set and changed by name."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from signal_server.core.config import BarrierConfig
from signal_server.core.domain import Direction, Signal
from signal_server.journal.predictions import Prediction
from signal_server.journal.trades import OrderStatus, TradeEvent

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def signal(**changes: object) -> Signal:
    values: dict[str, object] = {
        "id": 0,
        "model_id": "direction-2h",
        "model_version": "v1",
        "symbol": "BTC-USD",
        "bar_close": NOON,
        "issued_at": NOON + timedelta(seconds=1),
        "valid_until": NOON + timedelta(seconds=90),
        "horizon_s": 120,
        "probabilities": {Direction.DOWN: 0.4, Direction.UP: 0.6},
        "direction": Direction.UP,
        "confidence": 0.6,
        "reference_price": 100.0,
        "volatility": 0.001,
        "schema_hash": "abc",
        "flags": (),
    }
    return Signal(**(values | changes))  # type: ignore[arg-type]


def prediction(
    threshold_bps: float = 0.0, barriers: BarrierConfig | None = None, **changes: object
) -> Prediction:
    features = {"rsi_14": 55.0, "gap": float("nan")}
    return Prediction(signal(**changes), features, threshold_bps, barriers)


def event(**changes: object) -> TradeEvent:
    values: dict[str, object] = {
        "event_id": "e1",
        "sequence": 1,
        "bot_id": "bot",
        "position_id": "p1",
        "order_id": "o1",
        "is_exit": False,
        "symbol": "BTC-USD",
        "side": "BUY",
        "order_type": "MARKET",
        "status": OrderStatus.FILLED,
        "created_at": NOON,
        "mode": "paper",
        "connector": "kraken_paper_trade",
        "price": Decimal("100.10"),
        "amount": Decimal("1"),
        "filled_at": NOON + timedelta(seconds=1),
        "fee_quote": Decimal("0.26"),
    }
    return TradeEvent(**(values | changes))  # type: ignore[arg-type]


def closing(**changes: object) -> TradeEvent:
    values: dict[str, object] = {
        "event_id": "e2",
        "sequence": 2,
        "order_id": "o2",
        "is_exit": True,
        "side": "SELL",
        "price": Decimal("103"),
        "filled_at": NOON + timedelta(seconds=20),
        "pnl_quote": Decimal("2.38"),
        "exit_reason": "TAKE_PROFIT",
    }
    return event(**(values | changes))
