"""A trade event as a bot sends it."""

from google.protobuf.timestamp_pb2 import Timestamp

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb

NOON = Timestamp(seconds=1_772_366_400)


def wire_event(**changes: object) -> pb.TradeEvent:
    values: dict[str, object] = {
        "event_id": "e1",
        "sequence": 1,
        "bot_id": "bot",
        "position_id": "p1",
        "order_id": "o1",
        "is_exit": True,
        "symbol": "BTC-USD",
        "side": "SELL",
        "order_type": "MARKET",
        "status": "FILLED",
        "price": "100.10",
        "amount": "0.00100000",
        "created_at": NOON,
        "filled_at": NOON,
        "signal_id": 7,
        "confidence": 0.61,
        "fee_quote": "0.26",
        "slippage_bps": "-1.5",
        "pnl_quote": "-2.38",
        "exit_reason": "STOP_LOSS",
        "mode": "paper",
        "connector": "kraken_paper_trade",
    }
    return pb.TradeEvent(**(values | changes))  # type: ignore[arg-type]
