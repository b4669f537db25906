"""The journal's tables, as forward-only migrations: a file is brought up step by step."""

APPLICATION_ID = 1835823977
"""Marks a SQLite file as a journal of this bot ("mlsi"), from migration 2 on."""

MIGRATIONS = (
    """
    CREATE TABLE positions (
        position_id TEXT PRIMARY KEY, symbol TEXT NOT NULL, signal_id INTEGER NOT NULL,
        confidence TEXT NOT NULL, reference_price TEXT NOT NULL, amount TEXT NOT NULL,
        opened_at TEXT NOT NULL, state TEXT NOT NULL, closed_at TEXT, exit_reason TEXT
    ) STRICT;
    CREATE INDEX positions_by_symbol ON positions (symbol, opened_at);
    CREATE TABLE orders (
        order_id TEXT PRIMARY KEY, position_id TEXT NOT NULL REFERENCES positions,
        symbol TEXT NOT NULL, side TEXT NOT NULL, order_type TEXT NOT NULL, amount TEXT NOT NULL,
        reference_price TEXT, created_at TEXT NOT NULL, status TEXT NOT NULL
    ) STRICT;
    CREATE INDEX orders_by_position ON orders (position_id);
    CREATE TABLE fills (
        order_id TEXT NOT NULL REFERENCES orders, trade_id TEXT NOT NULL, price TEXT NOT NULL,
        amount TEXT NOT NULL, fee_quote TEXT NOT NULL, filled_at TEXT NOT NULL,
        PRIMARY KEY (order_id, trade_id)
    ) STRICT;
    CREATE TABLE decisions (
        decided_at TEXT NOT NULL, symbol TEXT NOT NULL, action TEXT NOT NULL,
        reason TEXT NOT NULL, signal_id INTEGER
    ) STRICT;
    CREATE TABLE outbox (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE,
        order_id TEXT NOT NULL, payload BLOB NOT NULL, acknowledged_at TEXT, refusal TEXT
    ) STRICT;
    CREATE INDEX outbox_waiting ON outbox (sequence)
        WHERE acknowledged_at IS NULL AND refusal IS NULL;
    """,
    """
    ALTER TABLE positions ADD COLUMN plan TEXT;
    ALTER TABLE positions ADD COLUMN written_off TEXT NOT NULL DEFAULT '0';
    ALTER TABLE positions ADD COLUMN pnl_quote TEXT;
    ALTER TABLE positions ADD COLUMN trailing_trigger TEXT;
    CREATE INDEX positions_by_end ON positions (state, closed_at);
    ALTER TABLE orders ADD COLUMN role TEXT NOT NULL DEFAULT 'ENTRY';
    ALTER TABLE orders ADD COLUMN txid TEXT;
    ALTER TABLE orders ADD COLUMN userref INTEGER;
    ALTER TABLE orders ADD COLUMN trigger_price TEXT;
    UPDATE orders SET role = 'EXIT' WHERE side = 'SELL';
    UPDATE orders SET userref = CAST(order_id AS INTEGER) WHERE order_id NOT GLOB '*[^0-9]*';
    ALTER TABLE fills ADD COLUMN cost_quote TEXT;
    CREATE INDEX outbox_by_order ON outbox (order_id, sequence);
    CREATE TABLE reason_counts (
        day TEXT NOT NULL, reason TEXT NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (day, reason)
    ) STRICT;
    INSERT INTO reason_counts
        SELECT substr(decided_at, 1, 10), reason, COUNT(*) FROM decisions GROUP BY 1, 2;
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE halts (
        halt_id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, since TEXT NOT NULL,
        until TEXT, why TEXT NOT NULL, how_it_ends TEXT NOT NULL, ended_at TEXT
    ) STRICT;
    CREATE UNIQUE INDEX halts_in_force ON halts (kind) WHERE ended_at IS NULL;
    CREATE TABLE control (
        control_id INTEGER PRIMARY KEY AUTOINCREMENT, revision INTEGER NOT NULL,
        mode TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL, set_at TEXT NOT NULL,
        seen_at TEXT NOT NULL
    ) STRICT;
    CREATE TABLE differences (
        difference_id INTEGER PRIMARY KEY AUTOINCREMENT, found_at TEXT NOT NULL,
        kind TEXT NOT NULL, symbol TEXT NOT NULL, position_id TEXT NOT NULL, amount TEXT NOT NULL,
        words TEXT NOT NULL, settled_at TEXT, settled_by TEXT
    ) STRICT;
    PRAGMA application_id = 1835823977;
    """,
)
