"""Bars that are held back for what they are."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signal_server.core.domain import BAR_COLUMNS
from signal_server.core.errors import MarketDataError
from signal_server.market.coverage import Source
from signal_server.market.frames import empty_frame, valid_rows
from signal_server.market.quality import BarFault, check_frame
from tests.signal_server.market.quality.frames import START, random_frame

NOW = START + timedelta(days=1)
ROW = 7

DAMAGE: list[tuple[dict[str, float], BarFault]] = [
    *(({name: np.nan}, BarFault.NOT_FINITE) for name in BAR_COLUMNS[:5]),
    *(({name: np.inf}, BarFault.NOT_FINITE) for name in BAR_COLUMNS),
    *(({name: -np.inf}, BarFault.NOT_FINITE) for name in BAR_COLUMNS),
    *(({name: -1.0}, BarFault.NEGATIVE) for name in BAR_COLUMNS),
    *(({name: 0.0}, BarFault.ZERO_PRICE) for name in BAR_COLUMNS[:4]),
    ({"high": 99.0}, BarFault.INCONSISTENT),
    ({"low": 101.0}, BarFault.INCONSISTENT),
    ({"high": 200.0}, BarFault.SPIKE),
    ({"low": 20.0}, BarFault.SPIKE),
    ({"open": np.nan, "volume": -1.0}, BarFault.NOT_FINITE),
]


@pytest.mark.parametrize(("damage", "fault"), DAMAGE)
def test_a_damaged_bar_is_refused_and_the_others_are_kept(
    damage: dict[str, float], fault: BarFault
) -> None:
    sound = random_frame(20)
    frame = sound.copy()
    frame.loc[frame.index[ROW], list(damage)] = list(damage.values())
    checked = check_frame(frame, 60, now=NOW)
    assert checked.refused["reason"].tolist() == [fault.value]
    assert checked.refused.index.tolist() == [frame.index[ROW]]
    pd.testing.assert_frame_equal(checked.good, sound.drop(frame.index[ROW]))
    assert len(checked.flags) == len(checked.good)


def test_a_missing_vwap_or_trade_count_and_a_minute_without_volume_are_no_faults() -> None:
    frame = random_frame(20).assign(vwap=np.nan, transactions=np.nan, volume=0.0)
    checked = check_frame(frame, 60, now=NOW)
    assert checked.good is frame
    assert checked.refused.empty


@pytest.mark.parametrize(
    ("close", "fault"),
    [
        (START + timedelta(minutes=30, seconds=1), BarFault.MISALIGNED),
        (START + timedelta(minutes=30, microseconds=1), BarFault.MISALIGNED),
        (NOW + timedelta(minutes=1), BarFault.FUTURE),
        (datetime(1970, 1, 21, tzinfo=UTC), BarFault.ANCIENT),
    ],
)
def test_a_stamp_that_cannot_be_is_refused(close: datetime, fault: BarFault) -> None:
    frame = random_frame(20)
    odd = frame.iloc[:1].set_axis(pd.DatetimeIndex([close]).as_unit("us"))
    checked = check_frame(pd.concat([frame, odd]).sort_index(), 60, now=NOW)
    assert checked.refused["reason"].tolist() == [fault.value]
    assert len(checked.good) == 20


def test_the_vendors_clock_may_be_a_few_seconds_ahead() -> None:
    frame = random_frame(1)
    closed = frame.index[0].to_pydatetime()
    assert len(check_frame(frame, 60, now=closed - timedelta(seconds=5)).good) == 1
    assert len(check_frame(frame, 60, now=closed - timedelta(seconds=6)).good) == 0


def test_what_is_refused_is_ready_to_be_quarantined() -> None:
    frame = random_frame(3)
    frame.loc[frame.index[1], "close"] = np.nan
    held = check_frame(frame, 60, now=NOW).quarantined(Source.REST, NOW)
    assert list(held.columns) == [*BAR_COLUMNS, "reason", "source", "seen_at"]
    assert held["source"].tolist() == ["rest"]
    assert held["seen_at"].tolist() == [NOW]


def test_a_frame_without_rows_is_checked_too() -> None:
    checked = check_frame(empty_frame(), 60, now=NOW, before=random_frame(5))
    assert (len(checked.good), len(checked.flags), len(checked.refused)) == (0, 0, 0)


@pytest.mark.parametrize("order", [[1, 0], [0, 0]])
def test_rows_out_of_order_or_twice_are_an_error_of_the_caller(order: list[int]) -> None:
    with pytest.raises(MarketDataError, match="in order, once each"):
        check_frame(random_frame(2).iloc[order], 60, now=NOW)


VALUES = st.sampled_from([100.0, 101.0, 99.0, 0.0, -1.0, np.nan, np.inf, -np.inf, 1e-9, 1e308])


@given(st.lists(st.tuples(*[VALUES] * 7), min_size=1, max_size=20))
def test_whatever_passes_can_be_stored(rows: list[tuple[float, ...]]) -> None:
    frame = random_frame(len(rows))
    frame.loc[:, list(BAR_COLUMNS)] = np.array(rows)
    checked = check_frame(frame, 60, now=NOW)
    assert valid_rows(checked.good, 60).all()
    assert len(checked.good) + len(checked.refused) == len(frame)
