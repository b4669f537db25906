import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from signal_server.cli.followed import following
from signal_server.core.config import Settings, load_settings
from signal_server.core.errors import NoHistoryError
from signal_server.core.symbol_list import SymbolList
from signal_server.market.frames import bar_frame
from signal_server.market.listing import Listing, write_listing
from signal_server.market.store import BarStore

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
COINS = SymbolList(tiers={})


def clock() -> datetime:
    return NOW


@pytest.fixture
def settings(config: Path) -> Settings:
    """Settings with three coins, of which two have bars."""
    loaded = load_settings(config).model_copy(update={"symbols": ["BTC-USD", "MKR-USD", "ETH-USD"]})
    store = BarStore(loaded.bars_dir, loaded.bar_seconds)
    values = {name: np.full(3, 10.0) for name in ("open", "high", "low", "close", "volume")}
    closes = pd.DatetimeIndex([NOW - timedelta(minutes=n) for n in (3, 2, 1)])
    for symbol in ("BTC-USD", "MKR-USD"):
        store.write(symbol, bar_frame(closes, values))
    return loaded


def remember(settings: Settings, *, days_ago: float = 0.0, complete: bool = True) -> None:
    listed = frozenset({"X:BTCUSD", "X:ETHUSD"})
    asked_at = NOW - timedelta(days=days_ago)
    write_listing(settings.listing_file, Listing(asked_at, listed, complete=complete))


def test_a_coin_without_bars_is_left_out_and_named(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        assert following(settings, COINS, clock).symbols == ["BTC-USD", "MKR-USD"]
    assert "left out: no bars of ETH-USD are held; run `signal-server backfill`" in caplog.text


def test_a_coin_that_is_not_listed_is_left_out_and_named(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    remember(settings)
    with caplog.at_level(logging.ERROR):
        assert following(settings, COINS, clock).symbols == ["BTC-USD"]
    assert "left out: Polygon.io lists no MKR-USD; correct it" in caplog.text


def test_an_old_listing_leaves_nothing_out(settings: Settings) -> None:
    remember(settings, days_ago=8)
    assert following(settings, COINS, clock).symbols == ["BTC-USD", "MKR-USD"]


def test_a_listing_that_was_asked_for_other_coins_leaves_nothing_out(settings: Settings) -> None:
    remember(settings, complete=False)
    assert following(settings, COINS, clock).symbols == ["BTC-USD", "MKR-USD"]


def test_no_coin_at_all_is_an_error_with_a_reason(settings: Settings) -> None:
    alone = settings.model_copy(update={"symbols": ["ETH-USD"]})
    with pytest.raises(NoHistoryError, match="no symbol can be served: no bars of ETH-USD are"):
        following(alone, COINS, clock)
