"""Each UTC day in one row: trades, wins, PnL, fees, accuracy; made anew from the log itself.

A position counts on the day of its last exit's last fill, a fee on the day of its order's. Of a day
whose predictions have left the log the count of before stays.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from signal_server.journal.journal import Journal, to_text

_REFRESH = """
INSERT OR REPLACE INTO daily_performance (date, trades, wins, pnl, fees, live_trades, live_wins,
    live_pnl, predictions, correct, accuracy, exact_pnl, exact_fees, exact_live_pnl)
SELECT :date, t.trades, t.wins, CAST(t.pnl AS REAL), CAST(f.fees AS REAL), t.live_trades,
    t.live_wins, CAST(t.live_pnl AS REAL),
    CASE WHEN before.predictions > p.predictions THEN before.predictions ELSE p.predictions END,
    CASE WHEN before.predictions > p.predictions THEN before.correct ELSE p.correct END,
    CASE WHEN before.predictions > p.predictions THEN before.accuracy ELSE p.accuracy END,
    t.pnl, f.fees, t.live_pnl
FROM (
    SELECT count(*) AS trades, total(CAST(pnl AS REAL) > 0) AS wins,
        coalesce(exact_sum(pnl), '0') AS pnl,
        total(live) AS live_trades, total(live AND CAST(pnl AS REAL) > 0) AS live_wins,
        coalesce(exact_sum(CASE WHEN live THEN pnl END), '0') AS live_pnl
    FROM (
        SELECT exact_sum(coalesce(exact_pnl, pnl)) AS pnl, max(mode = 'live') AS live
        FROM hummingbot_trades
        WHERE is_exit AND (bot_id, position_id) IN (
            SELECT bot_id, position_id FROM hummingbot_trades
            WHERE is_exit AND filled_at >= :start AND filled_at < :end
        )
        GROUP BY bot_id, position_id
        HAVING max(status = 'FILLED') AND max(filled_at) < :end
    )
) AS t, (
    SELECT coalesce(exact_sum(coalesce(exact_fees, fees)), '0') AS fees FROM hummingbot_trades
    WHERE filled_at >= :start AND filled_at < :end
) AS f, (
    SELECT count(*) AS predictions, total(correct) AS correct, avg(correct) AS accuracy
    FROM ml_predictions
    WHERE actual_move IS NOT NULL AND bar_close >= :start AND bar_close < :end
) AS p LEFT JOIN daily_performance AS before ON before.date = :date
"""


def refresh_days(journal: Journal, days: Iterable[date]) -> None:
    """Compute the rows of these UTC days anew; call it inside a transaction."""
    for day in set(days):
        start = datetime.combine(day, time.min, tzinfo=UTC)
        end = start + timedelta(days=1)
        journal.execute(
            _REFRESH, {"date": day.isoformat(), "start": to_text(start), "end": to_text(end)}
        )


def complete_days(journal: Journal) -> int:
    """Count the days anew that lack exact sums, as those of an older log do; return how many."""
    rows = journal.query("SELECT date FROM daily_performance WHERE exact_pnl IS NULL")
    if rows:
        with journal.transaction():
            refresh_days(journal, [date.fromisoformat(row["date"]) for row in rows])
    return len(rows)


def read_days(journal: Journal) -> list[dict[str, Any]]:
    """Return all days, oldest first."""
    return journal.query("SELECT * FROM daily_performance ORDER BY date")
