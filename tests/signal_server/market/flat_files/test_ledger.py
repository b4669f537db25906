"""The record of what was read from which version survives, and says when it cannot."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from signal_server.core.errors import MarketDataError
from signal_server.market.flat_files.ledger import Ledger, ReadDay

NOW = datetime(2025, 2, 1, tzinfo=UTC)
DAYS = [date(2025, 1, 30), date(2025, 1, 31), date(2025, 2, 1)]


def test_the_newest_version_of_a_day_counts(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "new" / "ledger.sqlite")
    ledger.note([ReadDay("BTC-USD", day, "a") for day in DAYS], NOW)
    ledger.note([ReadDay("BTC-USD", DAYS[1], "b"), ReadDay("ETH-USD", DAYS[1], "b")], NOW)
    again = Ledger(ledger.path)
    assert again.versions(DAYS[1], DAYS[2]) == {
        ("BTC-USD", DAYS[1]): "b",
        ("BTC-USD", DAYS[2]): "a",
        ("ETH-USD", DAYS[1]): "b",
    }


def test_notes_are_kept_all_or_none(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    rows = [ReadDay("BTC-USD", DAYS[0], "a"), ReadDay("BTC-USD", DAYS[1], None)]  # type: ignore[arg-type]
    with pytest.raises(MarketDataError):
        ledger.note(rows, NOW)
    assert ledger.versions(DAYS[0], DAYS[2]) == {}


@pytest.mark.parametrize("content", [b"no database" * 100, None])
def test_a_damaged_or_newer_record_is_named(tmp_path: Path, content: bytes | None) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    if content is None:
        ledger.note([], NOW)
        import sqlite3

        with sqlite3.connect(ledger.path) as database:
            database.execute("PRAGMA user_version = 9")
    else:
        ledger.path.write_bytes(content)
    with pytest.raises(MarketDataError, match=r"ledger\.sqlite cannot be used"):
        ledger.versions(DAYS[0], DAYS[2])
