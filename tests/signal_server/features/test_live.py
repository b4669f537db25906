"""The newest row that is kept up bar by bar is that of the batch over the same bars."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import pytest

from signal_server.core.domain import BAR_COLUMNS, Bar
from signal_server.core.errors import MarketDataError, NoHistoryError, UnknownSymbolError
from signal_server.features.catalogue import (
    CATALOGUE,
    compute_features,
    feature_names,
    leaders_of,
    warmup_bars,
)
from signal_server.features.live import LiveFeatures
from signal_server.features.windows import Array
from tests.signal_server.features.bars import PRICES, random_bars, real_bars, still_between

Frames = Mapping[str, pd.DataFrame]

EVERY = tuple(feature.name for feature in CATALOGUE)
SHORT = feature_names("all", trade_counts=True)
WITHOUT_COUNTS = feature_names("all", trade_counts=False)
POOLED = feature_names("pooled", trade_counts=False)
OPENED = 10_100
BARS = OPENED + 150


def frames_of(bars: int = BARS, **others: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the leaders' bars and those of the others, by symbol."""
    leaders = {"BTC-USD": random_bars(bars, 60_000.0, seed=2), "ETH-USD": random_bars(bars, seed=3)}
    return leaders | {f"{name}-USD": frame for name, frame in others.items()}


def bars_after(frames: Frames, after: pd.Timestamp) -> Iterator[tuple[pd.Timestamp, list[Bar]]]:
    """Yield each close after `after`, and the bars that have it."""
    moments: dict[pd.Timestamp, list[Bar]] = {}
    for symbol, frame in frames.items():
        new = frame.loc[frame.index > after]
        for close, values in zip(new.index, new[list(BAR_COLUMNS)].to_numpy(), strict=True):
            bar = Bar(symbol, close.to_pydatetime(), *values.tolist())
            moments.setdefault(close, []).append(bar)
    yield from sorted(moments.items())


def bar_of(symbol: str, frame: pd.DataFrame, row: int) -> Bar:
    """Return one row of a bar frame as a bar."""
    values = frame[list(BAR_COLUMNS)].iloc[row].tolist()
    return Bar(symbol, frame.index[row].to_pydatetime(), *values)


def newest_of_batch(frames: Frames, names: Sequence[str]) -> tuple[Array, Array]:
    """Return each symbol's newest row of the batch, and the features' standard deviations."""
    leaders = {symbol: frames[symbol] for symbol in leaders_of(names)}
    batch = [compute_features(frame, names, leaders) for frame in frames.values()]
    rows = [one.to_numpy()[-1] if len(one) else np.full(len(names), np.nan) for one in batch]
    return np.array(rows), np.array([one.std().fillna(0.0).to_numpy() for one in batch])


def assert_equal(live: LiveFeatures, frames: Frames, names: Sequence[str]) -> None:
    """Hold each symbol's newest row against that of the batch."""
    found = live.rows(list(frames))
    expected, unit = newest_of_batch(frames, names)
    with np.errstate(invalid="ignore"):
        equal = np.abs(found - expected) <= 1e-9 * np.maximum(np.abs(expected), unit)
    equal |= np.isnan(found) & np.isnan(expected)
    wrong = [(list(frames)[row], names[column]) for row, column in np.argwhere(~equal)]
    assert not wrong, list(zip(wrong, found[~equal], expected[~equal], strict=True))


def opened(frames: Frames, names: Sequence[str], until: pd.Timestamp) -> LiveFeatures:
    """Return live features that begin with the bars up to `until`."""
    live = LiveFeatures(names, list(frames), 60)
    live.open({symbol: frame.loc[:until] for symbol, frame in frames.items()})
    return live


def play(frames: Frames, names: Sequence[str], until: pd.Timestamp, *, every: int) -> LiveFeatures:
    """Open at `until`, add bar by bar, compare at every n-th moment and at the end."""
    live = opened(frames, names, until)
    moments = list(bars_after(frames, until))
    for count, (close, bars) in enumerate(moments, start=1):
        live.append(bars)
        if not count % every or count == len(moments):
            past = {symbol: frame.loc[:close] for symbol, frame in frames.items()}
            assert_equal(live, past, names)
    return live


def moment(frames: Frames, row: int = OPENED) -> pd.Timestamp:
    """Return a close of the first symbol."""
    close: pd.Timestamp = next(iter(frames.values())).index[row]
    return close


def test_every_feature_is_kept_up_as_the_batch_computes_it() -> None:
    frames = frames_of(A=random_bars(BARS, seed=4))
    play(frames, EVERY, moment(frames), every=50)


def test_missing_bars_move_only_the_symbols_that_have_one() -> None:
    random = np.random.default_rng(5)
    whole = random_bars(BARS, seed=4)
    gappy = whole[random.random(BARS) > 0.3]
    frames = frames_of(A=gappy, B=whole.drop(whole.index[OPENED + 20 : OPENED + 95]))
    play(frames, EVERY, moment(frames), every=37)


LED = [name.startswith(("btc", "relative")) for name in POOLED]


def test_a_leader_without_the_newest_bar_gives_no_value() -> None:
    frames = frames_of(A=random_bars(BARS, seed=4))
    frames["BTC-USD"] = frames["BTC-USD"].iloc[:-1]
    live = play(frames, POOLED, moment(frames, BARS - 5), every=1)
    assert np.isnan(live.rows(["A-USD"])[0, LED]).all()


def test_a_leader_whose_bar_comes_last_gives_its_value_then() -> None:
    frames = frames_of(A=random_bars(BARS, seed=4))
    live = opened(frames, POOLED, moment(frames, BARS - 2))
    newest = {symbol: bar_of(symbol, frame, BARS - 1) for symbol, frame in frames.items()}
    live.append([newest["A-USD"], newest["ETH-USD"]])
    assert np.isnan(live.rows(["A-USD"])[0, LED]).all()
    live.append([newest["BTC-USD"]])
    assert_equal(live, frames, POOLED)


def test_a_leader_that_is_ahead_is_seen_as_it_was() -> None:
    frames = frames_of(A=random_bars(BARS, seed=4).iloc[:-2])
    play(frames, POOLED, moment(frames, BARS - 5), every=1)


@pytest.mark.parametrize("begun", [0, 1, 30, 700])
def test_a_late_starter_has_its_features_once_it_is_warm(begun: int) -> None:
    whole = random_bars(2_500, seed=4)
    frames = {"A-USD": whole, "B-USD": random_bars(2_500, seed=6).iloc[1_000 - begun :]}
    live = play(frames, SHORT, whole.index[1_000], every=499)
    assert np.isfinite(live.rows(["A-USD", "B-USD"])).all()


def test_minutes_without_trades_are_bars_too() -> None:
    quiet = random_bars(BARS, seed=4)
    quiet.loc[quiet.index[::3], ["volume", "transactions"]] = 0.0
    still = still_between(random_bars(BARS, seed=7), OPENED - 300, OPENED + 90)
    frames = frames_of(A=quiet, B=still)
    play(frames, EVERY, moment(frames), every=29)


def test_a_storm_leaves_nothing_behind() -> None:
    stormy = random_bars(2_000, seed=4)
    stormy.loc[stormy.index[1_400], "high"] *= 100
    stormy.loc[stormy.index[1_500], "volume"] *= 1e9
    play({"A-USD": stormy}, SHORT, stormy.index[1_350], every=97)


def test_tiny_prices_are_kept_up() -> None:
    frames = {"A-USD": random_bars(3_000, price=1e-6, seed=4)}
    play(frames, SHORT, moment(frames, 1_500), every=300)


def test_where_a_history_was_opened_does_not_matter() -> None:
    frames = frames_of(A=random_bars(BARS, seed=4))
    early = opened(frames, EVERY, moment(frames, OPENED))
    for _, bars in bars_after(frames, moment(frames, OPENED)):
        early.append(bars)
    late = opened(frames, EVERY, moment(frames, BARS - 1))
    np.testing.assert_allclose(late.rows(list(frames)), early.rows(list(frames)), 1e-9, 1e-12)


def test_a_symbol_is_reopened_after_its_hole_was_repaired() -> None:
    frames = frames_of(A=random_bars(BARS, seed=4))
    until = moment(frames, BARS - 30)
    holed = {**frames, "A-USD": frames["A-USD"].drop(frames["A-USD"].index[-40:-35])}
    live = opened(holed, EVERY, until)
    live.reopen("A-USD", frames["A-USD"].loc[:until])
    for _, bars in bars_after(frames, until):
        live.append(bars)
    assert_equal(live, frames, EVERY)


def test_several_bars_of_a_symbol_may_come_at_once() -> None:
    frames = frames_of(A=random_bars(BARS, seed=4))
    until = moment(frames, BARS - 9)
    live = opened(frames, EVERY, until)
    live.append([bar for _, bars in bars_after(frames, until) for bar in bars])
    assert_equal(live, frames, EVERY)


def test_a_bar_that_is_not_newer_is_refused() -> None:
    frames = {"A-USD": random_bars(100)}
    live = opened(frames, ["gap"], moment(frames, 50))
    with pytest.raises(MarketDataError, match="A-USD"):
        live.append([bar_of("A-USD", frames["A-USD"], 50)])


def test_a_symbol_that_is_not_followed_is_refused() -> None:
    live = LiveFeatures(["gap"], ["A-USD"], 60)
    with pytest.raises(UnknownSymbolError, match="B-USD"):
        live.rows(["B-USD"])


def test_a_leader_that_is_not_followed_is_refused() -> None:
    with pytest.raises(NoHistoryError, match="BTC-USD"):
        LiveFeatures(["btc_scaled_return_5"], ["A-USD"], 60)


HELD_OUT = pd.Timestamp("2025-04-01", tz="UTC")


def real_before(name: str, last: str, bars: int) -> pd.DataFrame:
    """Return the real bars up to `last`, none of which is held out."""
    frame = real_bars(name).loc[: min(pd.Timestamp(last, tz="UTC"), HELD_OUT)]
    return frame.iloc[-bars:]


def test_real_coins_with_their_leaders_are_kept_up() -> None:
    frames = {
        "BTC-USD": real_before("BTCUSDT.parquet", "2024-03-06", 10_800),
        "ETH-USD": real_before("ETHUSDT.parquet", "2024-03-06", 10_800),
        # Ticks of 1% of the price, and a storm in that week.
        "PEPE-USD": real_before("PEPEUSDT.parquet", "2024-03-06", 10_800),
        # Listed hours before: a late starter.
        "WIF-USD": real_before("WIFUSDT.parquet", "2024-03-06", 10_800),
    }
    play(frames, POOLED, frames["BTC-USD"].index[10_300], every=125)


def revised(frame: pd.DataFrame, close: pd.Timestamp) -> pd.DataFrame:
    """Return the bars with other prices and another volume in the one before `close`."""
    changed, row = frame.copy(), frame.index[frame.index.searchsorted(close) - 1]
    changed.loc[row, PRICES] *= 1.004
    changed.loc[row, "volume"] = 3 * changed.loc[row, "volume"] + 1
    return changed


def test_real_coins_are_kept_up_through_revisions_and_a_restart() -> None:
    frames = {
        f"{coin}-USD": real_before(f"{coin}USDT.parquet", "2024-01-29", 10_800)
        for coin in ("BTC", "ALGO", "PEPE")
    }
    frames["PEPE-USD"] = frames["PEPE-USD"].drop(frames["PEPE-USD"].index[-400::9])
    assert (frames["PEPE-USD"]["volume"].iloc[-350:] == 0).any()
    names = tuple(name for name in EVERY if name in POOLED or name in WITHOUT_COUNTS)
    begun = moment(frames, 10_400)
    live = opened(frames, names, begun)
    for count, (close, bars) in enumerate(bars_after(frames, begun), start=1):
        live.append(bars)
        if not count % 25:
            symbol = list(frames)[count // 25 % len(frames)]
            frames[symbol] = revised(frames[symbol], close - pd.Timedelta(minutes=count // 25))
            live.reopen(symbol, frames[symbol].loc[:close])
        past = {symbol: frame.loc[:close] for symbol, frame in frames.items()}
        if count == 210:
            live = opened(
                {s: f.iloc[-warmup_bars(names) - 1 :] for s, f in past.items()}, names, close
            )
        if not count % 25 or count == 211:
            now = {symbol: frame for symbol, frame in past.items() if frame.index[-1] == close}
            assert_equal(live, now, names)


def test_real_minutes_of_kraken_without_trades_are_kept_up() -> None:
    kraken = real_before("BTCUSDC_kraken_1m_2023Q1.parquet", "2023-03-12", 13_000)
    # In place of leaders: markets whose holes lie elsewhere.
    frames = {"A-USD": kraken, "BTC-USD": kraken.iloc[::2], "ETH-USD": kraken.iloc[1::3]}
    names = [name for name in EVERY if name not in POOLED] + list(POOLED)
    play(frames, names, kraken.index[12_500], every=125)


def test_real_months_apart_are_kept_up() -> None:
    frame = real_before("FILUSDT-perp.parquet", "2025-03-31", 300_000)
    steps = np.diff(frame.index.asi8)
    hole = int(np.flatnonzero(steps == steps.max())[-1])
    near = frame.iloc[hole - 1_600 : hole + 1_000]
    play({"A-USD": near}, SHORT, near.index[1_500], every=275)


def test_what_is_kept_does_not_depend_on_how_much_history_was_given() -> None:
    frames = frames_of(A=random_bars(BARS, seed=4))
    whole = opened(frames, POOLED, moment(frames, BARS - 1))
    tails = {symbol: frame.iloc[-warmup_bars(POOLED) :] for symbol, frame in frames.items()}
    tail = opened(tails, POOLED, moment(frames, BARS - 1))
    np.testing.assert_array_equal(tail.rows(list(frames)), whole.rows(list(frames)))
