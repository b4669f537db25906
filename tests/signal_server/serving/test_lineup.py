import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signal_server.core.domain import BAR_COLUMNS, Direction
from signal_server.core.errors import NoHistoryError
from signal_server.features.catalogue import compute_features
from signal_server.journal.predictions import Prediction, signals_after
from signal_server.market.frames import bars_of
from signal_server.serving.lineup import Lineup
from signal_server.serving.predictor import Refusal, RefusalReason
from tests.signal_server.serving.world import (
    NOON,
    HandClock,
    Live,
    World,
    always,
    bar,
    make_world,
    model,
    stage,
)

SYMBOLS = ("SOL-USD", "BTC-USD", "ETH-USD")
LED = ("btc_scaled_return_15", "rsi_14", "scaled_return_60", "relative_return_5")
BEFORE, AFTER = 700, 12


def walk(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, BEFORE + AFTER)))
    index = pd.date_range(
        end=NOON + timedelta(minutes=AFTER), periods=len(close), freq="min", name="close_time"
    )
    spread = close * 1e-3
    values = {
        "open": close,
        "high": close + spread,
        "low": close - spread,
        "close": close,
        "volume": rng.lognormal(0, 1, len(close)),
        "vwap": close,
        "transactions": np.nan,
    }
    return pd.DataFrame(values, index=index, columns=list(BAR_COLUMNS))


MARKET = {symbol: walk(seed) for seed, symbol in enumerate(SYMBOLS)}
NAMES = (*LED, "roc_1", "scaled_return_240")
BATCH = {symbol: compute_features(frame, NAMES, MARKET) for symbol, frame in MARKET.items()}
STORED = {symbol: frame.iloc[:BEFORE] for symbol, frame in MARKET.items()}


def lineup(clock: HandClock, **changes: object) -> Lineup:
    return Lineup(model(symbols=SYMBOLS, **changes), stage(clock, STORED))


def minute(number: int, symbols: tuple[str, ...] = SYMBOLS, delay_s: float = 1.0) -> list[Live]:
    close = NOON + timedelta(minutes=number)
    found = [bars_of(name, MARKET[name].loc[[pd.Timestamp(close)]])[0] for name in symbols]
    return [Live(each, close + timedelta(seconds=delay_s)) for each in found]


def at(clock: HandClock, number: int, after_s: float = 1.0) -> None:
    clock.now = NOON + timedelta(minutes=number, seconds=after_s)


def predictions(told: list) -> dict[str, Prediction]:
    return {live.bar.symbol: made for live, made in told if isinstance(made, Prediction)}


def batch_row(symbol: str, number: int, names: tuple[str, ...] = LED) -> np.ndarray:
    rows = BATCH[symbol].loc[pd.Timestamp(NOON + timedelta(minutes=number)), list(names)]
    return rows.to_numpy(np.float64)


def test_all_symbols_are_predicted_in_one_call() -> None:
    asked: list[int] = []

    def predict(rows: np.ndarray) -> np.ndarray:
        asked.append(len(rows))
        return always(0.4, 0.6)(rows)

    clock = HandClock()
    made = lineup(clock, names=LED, predict=predict)
    at(clock, 1)
    assert list(predictions(made.take(minute(1)))) == list(SYMBOLS)
    assert asked == [3]


def test_each_symbol_gets_the_output_of_its_own_row() -> None:
    def predict(rows: np.ndarray) -> np.ndarray:
        up = 1 / (1 + np.exp(-rows[:, 0].astype(np.float64)))
        return np.column_stack([1 - up, up])

    clock = HandClock()
    made = lineup(clock, names=("rsi_14", "roc_1"), predict=predict)
    at(clock, 1)
    for symbol, prediction in predictions(made.take(minute(1))).items():
        rsi = np.float32(batch_row(symbol, 1, ("rsi_14",))[0])
        share = prediction.signal.probabilities[Direction.UP]
        assert share == pytest.approx(1 / (1 + np.exp(-float(rsi))), rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_live_rows_are_those_of_a_backtest_however_bars_come(random) -> None:
    """Symbols come in any order, in any number of pieces, some late, some missed and repaired."""
    clock = HandClock()
    made, missed = lineup(clock, names=LED), []
    for number in range(1, AFTER + 1):
        at(clock, number)
        came, whole = minute(number, tuple(random.sample(SYMBOLS, 3))), not missed
        if random.random() < 0.2:
            missed.append(came.pop())
        elif missed and random.random() < 0.5:
            came += missed
            missed = []
        cut = random.randint(0, len(came))
        told = predictions([*made.take(came[:cut]), *made.take(came[cut:])])
        if whole and not missed:
            assert set(told) == set(SYMBOLS)
            for symbol, prediction in told.items():
                live = list(prediction.features.values())
                np.testing.assert_allclose(live, batch_row(symbol, number), rtol=1e-8, atol=1e-12)


def test_a_bar_waits_for_its_leaders_and_is_then_predicted() -> None:
    clock = HandClock()
    made = lineup(clock, names=LED)
    at(clock, 1)
    assert made.take(minute(1, ("SOL-USD",))) == []
    assert made.left_s() == 2.0
    told = predictions(made.take(minute(1, ("ETH-USD", "BTC-USD"))))
    assert set(told) == set(SYMBOLS)
    np.testing.assert_allclose(
        list(told["SOL-USD"].features.values()), batch_row("SOL-USD", 1), rtol=1e-9
    )


def test_without_its_leader_a_bar_is_refused_by_the_leaders_name() -> None:
    clock = HandClock()
    made = lineup(clock, names=LED)
    at(clock, 1)
    assert made.take(minute(1, ("SOL-USD",))) == []
    clock.advance(2)
    ((_, refusal),) = made.take([])
    assert isinstance(refusal, Refusal)
    assert refusal.reason is RefusalReason.NO_LEADER
    assert "BTC-USD has none that closed 2026-03-01T12:01:00" in refusal.detail
    at(clock, 2)
    assert set(predictions(made.take([*minute(1, ("BTC-USD",)), *minute(2)]))) == set(SYMBOLS)


def test_a_signal_carries_the_flags_of_its_bar_and_of_its_leaders() -> None:
    clock = HandClock()
    made = lineup(clock, names=LED)
    for number, flags in ((1, ("jump",)), (2, ())):
        at(clock, number)
        bitcoin, *others = minute(number, ("BTC-USD", "ETH-USD", "SOL-USD"))
        told = predictions(
            made.take([replace(bitcoin, flags=flags), replace(others[0], flags=("hole",))])
            + made.take([others[1]])
        )
        led = tuple(f"BTC-USD:{flag}" for flag in flags)
        assert {symbol: each.signal.flags for symbol, each in told.items()} == {
            "BTC-USD": flags,
            "ETH-USD": ("hole", *led),
            "SOL-USD": led,
        }


def test_a_leader_with_a_hole_in_its_history_leads_nobody() -> None:
    clock = HandClock()
    holed = STORED | {"BTC-USD": STORED["BTC-USD"].drop(STORED["BTC-USD"].index[-30:-10])}
    made = Lineup(model(symbols=SYMBOLS, names=LED), stage(clock, holed))
    at(clock, 1)
    told = dict(made.take(minute(1)))
    details = [one.detail for one in told.values() if isinstance(one, Refusal)]
    assert len(details) == 3
    assert any(detail.startswith("BTC-USD: 20 bars are missing") for detail in details)


def test_a_model_whose_leader_is_not_followed_is_refused() -> None:
    alone = {"SOL-USD": STORED["SOL-USD"]}
    with pytest.raises(NoHistoryError, match="add it to symbols"):
        Lineup(model(symbols=("SOL-USD",), names=LED), stage(HandClock(), alone))


def test_infinite_features_are_refused_by_name_and_leave_others_alone() -> None:
    clock = HandClock()
    made = lineup(clock, names=("rsi_14", "roc_1"))
    at(clock, 1)
    made._champion._live.rows = lambda names: np.array(  # type: ignore[method-assign]
        [[50.0, np.inf if name == "SOL-USD" else 1.0] for name in names]
    )
    told = {live.bar.symbol: one for live, one in made.take(minute(1))}
    assert str(told["SOL-USD"]) == "features are infinite: roc_1"
    assert isinstance(told["BTC-USD"], Prediction)


def test_challengers_predict_in_shadow_and_are_not_published() -> None:
    clock = HandClock()
    made = lineup(clock, names=("rsi_14",))
    rival = model(version="v2", names=LED, predict=always(0.7, 0.3))
    assert made.change(made.champion, [rival]) == {}
    at(clock, 1)
    told = predictions(made.take(minute(1)))
    assert {one.signal.model_version for one in told.values()} == {"v1"}
    shadows = made.take_in_shadow()
    assert [one.signal.model_version for one in shadows] == ["v2"] * 3
    assert {one.signal.direction for one in shadows} == {Direction.DOWN}
    assert made.take_in_shadow() == []


def test_a_challenger_waits_for_its_leaders_without_delaying_the_champion() -> None:
    clock = HandClock()
    made = lineup(clock, names=("rsi_14",))
    made.change(made.champion, [model(version="v2", names=LED)])
    at(clock, 1)
    assert set(predictions(made.take(minute(1, ("SOL-USD",))))) == {"SOL-USD"}
    assert made.take_in_shadow() == []
    assert made.left_s() == 2.0
    made.take(minute(1, ("BTC-USD", "ETH-USD")))
    shadows = {one.signal.symbol: one for one in made.take_in_shadow()}
    np.testing.assert_allclose(
        list(shadows["SOL-USD"].features.values()), batch_row("SOL-USD", 1), rtol=1e-9
    )


def test_a_challenger_that_is_promoted_while_bars_wait_has_missed_none() -> None:
    clock = HandClock()
    made = lineup(clock, names=("rsi_14",))
    rival = model(version="v2", names=LED)
    made.change(made.champion, [rival])
    at(clock, 1)
    made.take(minute(1, ("SOL-USD",)))
    made.take_in_shadow()
    assert made.change(rival, []) == {}
    at(clock, 2)
    told = predictions(made.take([*minute(1, ("BTC-USD", "ETH-USD")), *minute(2)]))
    assert told["SOL-USD"].signal.model_version == "v2"
    np.testing.assert_allclose(
        list(told["SOL-USD"].features.values()), batch_row("SOL-USD", 2), rtol=1e-9
    )


def test_a_champion_that_cannot_be_opened_leaves_the_last_one_in_place() -> None:
    clock = HandClock()
    alone = {"SOL-USD": STORED["SOL-USD"]}
    made = Lineup(model(symbols=("SOL-USD",), names=("rsi_14",)), stage(clock, alone))
    problems = made.change(model(version="v2", names=LED), [])
    assert list(problems) == ["v2"]
    assert "BTC-USD" in problems["v2"]
    assert made.champion.version == "v1"
    at(clock, 1)
    assert set(predictions(made.take(minute(1, ("SOL-USD",))))) == {"SOL-USD"}


def test_a_successor_that_needs_a_longer_history_reads_it_from_the_store() -> None:
    clock = HandClock()
    made = lineup(clock, names=("rsi_14",))
    made.change(model(version="v2", names=("scaled_return_240",)), [])
    at(clock, 1)
    told = predictions(made.take(minute(1)))
    expected = batch_row("SOL-USD", 1, ("scaled_return_240",))
    np.testing.assert_allclose(list(told["SOL-USD"].features.values()), expected, rtol=1e-9)


async def test_shadows_are_written_down_apart_from_signals(tmp_path: Path) -> None:
    world: World = make_world(tmp_path / "signals.sqlite")
    rival = model(version="v2", predict=always(0.9, 0.1))
    await world.engine.use(lambda lineup: lineup.change(lineup.champion, [rival]))
    with world.hub.subscribe(["BTC-USD"], "a") as subscription:
        await world.issue("BTC-USD", "ETH-USD")
        first = await subscription.next(1)
        assert first is not None
        assert (first.model_version, first.id) == ("v1", 1)
        assert await subscription.next(0) is None
    rows = world.journal.query("SELECT symbol, model_version FROM shadow_predictions")
    assert [tuple(row.values()) for row in rows] == [("BTC-USD", "v2"), ("ETH-USD", "v2")]
    replayed = list(signals_after(world.journal, 0, 10))
    assert [one.model_version for one in replayed] == ["v1", "v1"]
    world.journal.close()


async def test_a_bar_that_waits_for_its_leader_is_told_when_the_wait_is_over(
    tmp_path: Path,
) -> None:
    world = make_world(tmp_path / "signals.sqlite", names=LED, stored_bars=700)

    async def stream():
        world.clock.advance(60)
        yield [Live(bar(world.clock.now, "ETH-USD"), world.clock.now - timedelta(seconds=1.95))]
        while not world.engine.activity.bars:  # noqa: ASYNC110 (the engine tells nobody)
            await asyncio.sleep(0)
        world.clock.advance(0.1)
        while not world.engine.activity.refusals:  # noqa: ASYNC110
            await asyncio.sleep(0)

    await world.engine.run(stream())
    assert world.engine.activity.refusals["ETH-USD"].reason is RefusalReason.NO_LEADER
    world.journal.close()
