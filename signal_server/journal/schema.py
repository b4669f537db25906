"""The trade log's tables, as forward-only migrations.

Instants are ISO 8601 text in UTC with microseconds, so that text order is time order.
"""

import json
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlite_utils import Migrations

from signal_server.journal.exact import written

if TYPE_CHECKING:
    from sqlite_utils import Database

MIGRATIONS = Migrations("trade_log")

_TABLES = """
CREATE TABLE ml_predictions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,   -- the signal's id; never used twice
    timestamp TEXT NOT NULL,                -- when it was issued
    symbol TEXT NOT NULL,
    prediction TEXT NOT NULL CHECK (prediction IN ('DOWN', 'FLAT', 'UP')),
    confidence REAL NOT NULL,
    actual_move REAL,                       -- return over the horizon; NULL until it has passed
    correct INTEGER CHECK (correct IN (0, 1)),
    bar_close TEXT NOT NULL,
    valid_until TEXT NOT NULL,
    known_at TEXT NOT NULL,                 -- bar_close + horizon
    horizon_s INTEGER NOT NULL,
    threshold_bps REAL NOT NULL,            -- 0: UP or DOWN; above 0: FLAT inside it
    probability_down REAL NOT NULL,
    probability_flat REAL NOT NULL,
    probability_up REAL NOT NULL,
    reference_price REAL NOT NULL,
    volatility REAL NOT NULL,
    model_id TEXT NOT NULL,
    model_version TEXT NOT NULL,
    schema_hash TEXT NOT NULL,
    flags TEXT NOT NULL,                    -- JSON array
    UNIQUE (symbol, bar_close, model_id, model_version)
) STRICT;
CREATE INDEX predictions_without_outcome ON ml_predictions (symbol, known_at)
    WHERE actual_move IS NULL;
CREATE INDEX predictions_by_bar ON ml_predictions (bar_close);
CREATE TABLE ml_features (
    id INTEGER PRIMARY KEY,
    prediction_id INTEGER NOT NULL UNIQUE REFERENCES ml_predictions (id),
    timestamp TEXT NOT NULL,                -- close of the bar the row belongs to
    symbol TEXT NOT NULL,
    schema_hash TEXT NOT NULL,
    features TEXT NOT NULL                  -- JSON object: name to value
) STRICT;
CREATE TABLE trade_events (
    event_id TEXT PRIMARY KEY,
    bot_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    received_at TEXT NOT NULL,
    payload TEXT NOT NULL                   -- JSON, decimals exact as the bot sent them
) STRICT;
CREATE TABLE hummingbot_trades (
    id INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL,                 -- Hummingbot's client order id
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    order_type TEXT NOT NULL,
    price REAL,                             -- quote currency; average fill price once filled
    amount REAL,                            -- base units
    status TEXT NOT NULL,
    created_at TEXT NOT NULL,
    filled_at TEXT,
    prediction_id INTEGER,                  -- ml_predictions.id
    confidence REAL,
    fees REAL,                              -- quote currency
    slippage_bps REAL,                      -- above 0 costs
    pnl REAL,                               -- exits only: quote currency, net of both fees
    exit_reason TEXT,
    is_exit INTEGER NOT NULL CHECK (is_exit IN (0, 1)),
    position_id TEXT NOT NULL,              -- joins an entry with its exit
    bot_id TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('paper', 'live')),
    connector TEXT NOT NULL,
    sequence INTEGER NOT NULL,              -- of the newest event seen of this order
    UNIQUE (bot_id, order_id)
) STRICT;
CREATE INDEX trades_by_position ON hummingbot_trades (bot_id, position_id);
CREATE INDEX trades_by_fill ON hummingbot_trades (filled_at);
CREATE TABLE daily_performance (
    date TEXT PRIMARY KEY,                  -- UTC
    trades INTEGER NOT NULL,                -- positions whose exit filled on this day
    wins INTEGER NOT NULL,
    pnl REAL NOT NULL,
    fees REAL NOT NULL,
    live_trades INTEGER NOT NULL,           -- the part of these with real money
    live_wins INTEGER NOT NULL,
    live_pnl REAL NOT NULL,
    predictions INTEGER NOT NULL,           -- whose outcome is known
    correct INTEGER NOT NULL,
    accuracy REAL                           -- NULL while no outcome is known
) STRICT;
CREATE TABLE health_metrics (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    value REAL NOT NULL,
    unit TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;
CREATE INDEX health_by_name ON health_metrics (name, at);
"""


_CONTROL_AND_EXACT_MONEY = """
CREATE TABLE control_orders (
    revision INTEGER PRIMARY KEY AUTOINCREMENT,
    mode TEXT NOT NULL CHECK (mode IN ('RUN', 'STOP_ENTRIES', 'PAUSE', 'FLATTEN')),
    bot_id TEXT NOT NULL,                   -- empty: every bot
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    set_at TEXT NOT NULL
) STRICT;
CREATE INDEX control_by_bot ON control_orders (bot_id, revision);
-- decimals as the bot sent them
ALTER TABLE hummingbot_trades ADD COLUMN exact_price TEXT;
ALTER TABLE hummingbot_trades ADD COLUMN exact_amount TEXT;
ALTER TABLE hummingbot_trades ADD COLUMN exact_fees TEXT;
ALTER TABLE hummingbot_trades ADD COLUMN exact_pnl TEXT;
-- of entries, against the signal's reference price
ALTER TABLE hummingbot_trades ADD COLUMN signal_slippage_bps REAL;
-- of exits, since the first entry fill
ALTER TABLE hummingbot_trades ADD COLUMN holding_s REAL;
"""


_EVENTS_BY_BOT = """
CREATE TABLE events_by_bot (
    bot_id TEXT NOT NULL,
    event_id TEXT NOT NULL,                 -- unique within its bot
    sequence INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    received_at TEXT NOT NULL,
    payload TEXT NOT NULL,                  -- JSON, decimals exact as the bot sent them
    PRIMARY KEY (bot_id, event_id)
) STRICT;
INSERT INTO events_by_bot (bot_id, event_id, sequence, order_id, received_at, payload)
    SELECT bot_id, event_id, sequence, order_id, received_at, payload FROM trade_events
    ORDER BY rowid;
DROP TABLE trade_events;
ALTER TABLE events_by_bot RENAME TO trade_events;
CREATE INDEX events_by_order ON trade_events (bot_id, order_id, sequence);
CREATE INDEX events_by_arrival ON trade_events (bot_id, received_at);
CREATE INDEX trades_by_creation ON hummingbot_trades (created_at);
CREATE INDEX outcomes_by_model ON ml_predictions (model_id, model_version, id)
    WHERE correct IS NOT NULL;
ALTER TABLE daily_performance ADD COLUMN exact_pnl TEXT;
ALTER TABLE daily_performance ADD COLUMN exact_fees TEXT;
ALTER TABLE daily_performance ADD COLUMN exact_live_pnl TEXT;
"""
_TRADES_AS_LABELS = """
-- JSON of the exits and costs of the trade that is predicted; NULL: a move of the price is
ALTER TABLE ml_predictions ADD COLUMN barriers TEXT;
"""
_SHADOWS = """
CREATE TABLE shadow_predictions (           -- of challengers: as ml_predictions, never published
    id INTEGER PRIMARY KEY,
    timestamp TEXT NOT NULL,
    symbol TEXT NOT NULL,
    prediction TEXT NOT NULL CHECK (prediction IN ('DOWN', 'FLAT', 'UP')),
    confidence REAL NOT NULL,
    actual_move REAL,
    correct INTEGER CHECK (correct IN (0, 1)),
    bar_close TEXT NOT NULL,
    valid_until TEXT NOT NULL,
    known_at TEXT NOT NULL,
    horizon_s INTEGER NOT NULL,
    threshold_bps REAL NOT NULL,
    probability_down REAL NOT NULL,
    probability_flat REAL NOT NULL,
    probability_up REAL NOT NULL,
    reference_price REAL NOT NULL,
    volatility REAL NOT NULL,
    model_id TEXT NOT NULL,
    model_version TEXT NOT NULL,
    schema_hash TEXT NOT NULL,
    flags TEXT NOT NULL,
    barriers TEXT,
    UNIQUE (symbol, bar_close, model_id, model_version)
) STRICT;
CREATE INDEX shadows_without_outcome ON shadow_predictions (symbol, known_at)
    WHERE actual_move IS NULL;
CREATE INDEX shadows_by_model ON shadow_predictions (model_id, model_version, bar_close);
CREATE INDEX predictions_by_model ON ml_predictions (model_id, model_version, bar_close);
"""
_TRADES_BY_PREDICTION = """
CREATE INDEX trades_by_prediction ON hummingbot_trades (prediction_id)
    WHERE prediction_id IS NOT NULL;
"""
_INEXACT = """
SELECT t.id, e.payload FROM hummingbot_trades t JOIN trade_events e
    ON e.bot_id = t.bot_id AND e.order_id = t.order_id AND e.sequence = t.sequence
WHERE coalesce(t.exact_price, t.exact_amount, t.exact_fees, t.exact_pnl) IS NULL
"""


def create_tables(db: "Database") -> None:
    """Create the tables of the first version."""
    _run(db, _TABLES)


def add_control_and_exact_money(db: "Database") -> None:
    """Add what people order, and money to the last digit; orders of before keep their floats."""
    _run(db, _CONTROL_AND_EXACT_MONEY)


def number_events_by_bot(db: "Database") -> None:
    """Let two bots use the same event id; give orders of before the decimals of their events.

    The exact sums of days of before stay NULL until these days are counted anew.
    """
    _run(db, _EVENTS_BY_BOT)
    for identity, payload in db.execute(_INEXACT).fetchall():
        event = json.loads(payload)
        exact = (event.get(name) for name in ("price", "amount", "fee_quote", "pnl_quote"))
        db.execute(
            "UPDATE hummingbot_trades SET exact_price = ?, exact_amount = ?, exact_fees = ?,"
            " exact_pnl = ? WHERE id = ?",
            (*(None if value is None else written(Decimal(value)) for value in exact), identity),
        )


def add_barriers(db: "Database") -> None:
    """Let a prediction be one of how a trade ends."""
    _run(db, _TRADES_AS_LABELS)


def add_shadows(db: "Database") -> None:
    """Keep what challengers say beside the model that is served."""
    _run(db, _SHADOWS)


def index_trades(db: "Database") -> None:
    """Let the trades of a prediction be found without reading all."""
    _run(db, _TRADES_BY_PREDICTION)


def _run(db: "Database", statements: str) -> None:
    # executescript would commit the migration's transaction, so statements run one by one.
    for statement in statements.split(";\n"):
        if statement.strip():
            db.execute(statement)


MIGRATIONS()(create_tables)
MIGRATIONS()(add_control_and_exact_money)
MIGRATIONS()(number_events_by_bot)
MIGRATIONS()(add_barriers)
MIGRATIONS()(add_shadows)
MIGRATIONS()(index_trades)
