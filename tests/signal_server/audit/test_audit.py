"""The product is clean, on made bars and on real ones, and the command says so."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from signal_server.audit import run as audit_run
from signal_server.audit.markets import (
    MIN_BARS,
    STRETCH_BARS,
    Market,
    harsh,
    planted_edge,
    random_walk,
    stretch_of,
    usual_move,
)
from signal_server.audit.pace import quick
from signal_server.audit.run import CHECKS, Check, audit
from signal_server.audit.subject import Subject, subject_of
from signal_server.cli.main import run
from signal_server.core.audits import read_audit
from signal_server.core.config import BarrierConfig, LabelConfig, LabelKind, ProfileConfig
from signal_server.core.errors import ModelError, NoHistoryError
from signal_server.features.catalogue import schema_hash
from tests.signal_server.features.bars import real_bars

Findings = Callable[..., tuple[str, ...]]
NOW = datetime(2025, 1, 1, tzinfo=UTC)
HOLD_OUT = pd.Timestamp("2025-04-01", tz="UTC")


def profiled(product: Subject, label: LabelConfig, features: str) -> Subject:
    profile = ProfileConfig.model_validate({"label": label, "features": features})
    return subject_of(replace(product.spec, profile=profile))


@pytest.fixture(scope="module")
def market(product: Subject) -> Market:
    whole = random_walk(product)
    return Market("a walk", {one: whole.bars[one].iloc[:15_000] for one in list(whole.bars)[:2]})


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_product_is_clean_on_made_bars(
    product: Subject, findings_of: Findings, market: Market, check: Check
) -> None:
    assert findings_of(check.name, product, market) == ()


@pytest.mark.parametrize(
    "check", ["prefix invariance", "future shuffle", "live parity", "finite values"]
)
def test_the_features_with_leaders_are_clean_on_a_harsh_market(
    product: Subject, findings_of: Findings, check: str
) -> None:
    subject = profiled(product, product.label_config, "pooled")
    assert findings_of(check, subject) == ()


@pytest.mark.parametrize(
    "label",
    [
        LabelConfig(
            kind=LabelKind.TREND, horizon_s=600, threshold_bps=20, threshold_volatility=0.5
        ),
        LabelConfig(
            kind=LabelKind.TRIPLE_BARRIER,
            horizon_s=3_600,
            barriers=BarrierConfig(
                stop_loss=0.002, take_profit=0.003, fee_bps=5, slippage_bps=3, signal_valid_s=90
            ),
        ),
    ],
    ids=lambda label: label.kind.value,
)
@pytest.mark.parametrize("check", ["known_at", "past rows", "purge", "planted edge"])
def test_every_kind_of_label_is_clean(
    product: Subject, findings_of: Findings, market: Market, label: LabelConfig, check: str
) -> None:
    assert findings_of(check, profiled(product, label, "six"), market) == ()


def test_the_whole_audit_is_clean_on_real_bars(product: Subject) -> None:
    bars = {
        f"{coin}-USD": real_bars(f"{coin}USDT.parquet").loc[:HOLD_OUT].iloc[:15_000]
        for coin in ("BTC", "SUI")
    }
    seen: list[str] = []
    market = stretch_of(bars, product)
    result = audit(product, market, lambda: NOW, lambda name, _: seen.append(name))
    assert result.findings == ()
    assert result.market.startswith("BTC-USD, SUI-USD from 2024-01-01")
    assert list(dict.fromkeys(seen)) == [check.name for check in CHECKS]


def test_the_audited_stretch_is_the_oldest_that_all_symbols_share(product: Subject) -> None:
    bars = dict(random_walk(product).bars)
    late = bars["BTC-USD"].iloc[5_000:]
    market = stretch_of({"BTC-USD": late, "ETH-USD": bars["ETH-USD"]}, product)
    assert all(frame.index[0] == late.index[0] for frame in market.bars.values())
    assert max(len(frame) for frame in market.bars.values()) <= STRETCH_BARS


def test_too_short_a_stretch_is_refused_by_name(product: Subject) -> None:
    bars = random_walk(product).bars
    short = {"BTC-USD": bars["BTC-USD"], "ETH-USD": bars["ETH-USD"].iloc[-900:]}
    with pytest.raises(NoHistoryError, match="ETH-USD"):
        stretch_of(short, product)


def test_the_shortest_stretch_with_the_longest_warm_up_can_be_audited(
    product: Subject, findings_of: Findings
) -> None:
    subject = profiled(product, product.label_config, "pooled")
    count = subject.warmup(subject.names) + MIN_BARS
    bars = {one: frame.iloc[:count] for one, frame in random_walk(subject).bars.items()}
    market = stretch_of(bars, subject)
    for check in ("prefix invariance", "every hour"):
        assert findings_of(check, subject, market) == ()


def test_made_markets_are_the_same_each_time_and_valid_bars(product: Subject) -> None:
    for make in (random_walk, planted_edge, harsh):
        one, other = make(product), make(product)
        for symbol, frame in one.bars.items():
            pd.testing.assert_frame_equal(frame, other.bars[symbol], check_exact=True)
            highest = frame[["open", "close", "low"]].max(axis=1)
            assert (frame["high"] >= highest).all()
            assert (frame["low"] <= frame[["open", "close"]].min(axis=1)).all()
            assert frame.index.is_monotonic_increasing


def test_the_harsh_market_has_all_that_makes_features_go_wrong(product: Subject) -> None:
    market = harsh(product)
    steps = [np.diff(frame.index.asi8) for frame in market.bars.values()]
    assert all(step.max() >= 70 * step.min() for step in steps[:-1])
    assert all((frame["volume"] == 0).mean() > 0.05 for frame in market.bars.values())
    assert all(frame["vwap"].isna().any() for frame in market.bars.values())
    assert market.bars["ETH-USD"]["close"].max() < 1e-3
    assert len(market.bars["XRP-USD"]) < 300


def test_a_made_bar_moves_enough_for_the_nearer_barrier(product: Subject) -> None:
    barriers = BarrierConfig(
        stop_loss=0.05, take_profit=0.10, fee_bps=26, slippage_bps=3, signal_valid_s=90
    )
    label = LabelConfig(kind=LabelKind.TRIPLE_BARRIER, horizon_s=86_400, barriers=barriers)
    subject = quick(profiled(product, label, "six"))
    assert subject.label_config.horizon_s == 900
    assert usual_move(subject) * np.sqrt(15) == pytest.approx(0.075)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIGNAL_SERVER_DATA_DIR", str(tmp_path / "data"))
    return Path(__file__).parents[3] / "conf/signal_server.yml"


def finding(_subject: Subject, _market: Market) -> tuple[str, ...]:
    return tuple(f"feature {number} looks ahead" for number in range(7))


def audited(config: Path, check: Check, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr(audit_run, "CHECKS", (check,))
    return run(["--config", str(config), "audit", "--profile", "direction-2h", *options])


def test_a_finding_is_shown_kept_and_ends_with_exit_code_1(
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    planted = Check("planted", "nothing looks ahead", finding)
    assert audited(config, planted, monkeypatch) == 1
    shown, said = capsys.readouterr()
    assert "feature 0 looks ahead" in shown
    assert "and 2 more; see --json" in shown
    assert "7 findings by planted; mend what they name" in said
    label = LabelConfig(kind=LabelKind.DIRECTION, horizon_s=7_200)
    kept = next((tmp_path / "data/audit").glob("*.json"))
    result = read_audit(tmp_path / "data/audit", kept.name.partition("-")[0], label)
    assert result is not None
    assert result.findings[0] == "planted: feature 0 looks ahead"


def test_a_clean_audit_is_json_and_exit_code_0(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clean = Check("planted", "nothing looks ahead", lambda _, __: ())
    assert audited(config, clean, monkeypatch, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["market"] == "a random walk"
    assert result["checks"][0]["findings"] == []


def test_what_cannot_be_trained_is_a_finding_among_the_others(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_subject: Subject, _market: Market) -> tuple[str, ...]:
        raise ModelError("feature gap is infinite")

    planted = Check("planted", "nothing looks ahead", refuse)
    assert audited(config, planted, monkeypatch) == 1
    shown = capsys.readouterr().out
    assert "it cannot be run on a random walk: feature gap is infinite" in shown


def test_symbols_without_bars_are_named(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clean = Check("planted", "nothing looks ahead", lambda _, __: ())
    assert audited(config, clean, monkeypatch, "--symbols", "SOL-USD") == 1
    assert "SOL-USD to audit; fetch them with" in capsys.readouterr().err


def test_a_period_that_ends_before_it_starts_is_refused(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clean = Check("planted", "nothing looks ahead", lambda _, __: ())
    period = ("--start", "2025-01-01", "--end", "2024-01-01")
    assert audited(config, clean, monkeypatch, *period) == 1
    assert "is not before --end; swap them" in capsys.readouterr().err


def test_what_was_found_is_shown_even_where_it_cannot_be_kept(
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/audit").touch()
    assert audited(config, Check("planted", "nothing", finding), monkeypatch) == 1
    shown, said = capsys.readouterr()
    assert "feature 0 looks ahead" in shown
    assert "make it accessible and try again" in said


def test_the_result_names_the_schema_that_a_model_carries(product: Subject) -> None:
    market = Market("none", {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit_run, "CHECKS", ())
        result = audit(product, market, lambda: NOW, lambda _, __: None)
    assert result.schema_hash == schema_hash(product.names)
