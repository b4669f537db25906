"""Each UTC day in one row: trades, wins, PnL, fees, accuracy; made anew from the log itself."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from signal_server.journal.journal import Journal, to_text

_REFRESH = """
INSERT OR REPLACE INTO daily_performance (date, trades, wins, pnl, fees, live_trades, live_wins,
    live_pnl, predictions, correct, accuracy)
SELECT :date, t.trades, t.wins, t.pnl, f.fees, t.live_trades, t.live_wins, t.live_pnl,
    p.predictions, p.correct, p.accuracy
FROM (
    SELECT count(*) AS trades, total(pnl > 0) AS wins, total(pnl) AS pnl,
        total(live) AS live_trades, total(live AND pnl > 0) AS live_wins,
        total(pnl * live) AS live_pnl
    FROM (
        SELECT total(pnl) AS pnl, max(mode = 'live') AS live FROM hummingbot_trades
        WHERE is_exit AND (bot_id, position_id) IN (
            SELECT bot_id, position_id FROM hummingbot_trades
            WHERE is_exit AND status = 'FILLED' AND filled_at >= :start AND filled_at < :end
        )
        GROUP BY bot_id, position_id
    )
) AS t, (
    SELECT total(fees) AS fees FROM hummingbot_trades
    WHERE filled_at >= :start AND filled_at < :end
) AS f, (
    SELECT count(*) AS predictions, total(correct) AS correct, avg(correct) AS accuracy
    FROM ml_predictions
    WHERE actual_move IS NOT NULL AND bar_close >= :start AND bar_close < :end
) AS p
"""


def refresh_days(journal: Journal, days: Iterable[date]) -> None:
    """Compute the rows of these UTC days anew; call it inside a transaction."""
    for day in set(days):
        start = datetime.combine(day, time.min, tzinfo=UTC)
        end = start + timedelta(days=1)
        journal.execute(
            _REFRESH, {"date": day.isoformat(), "start": to_text(start), "end": to_text(end)}
        )


def read_days(journal: Journal) -> list[dict[str, Any]]:
    """Return all days, oldest first."""
    return journal.query("SELECT * FROM daily_performance ORDER BY date")
