"""The page of features says what the catalogue says."""

from collections.abc import Iterator

import numpy as np
import pytest
from click.testing import CliRunner

from signal_server.cli.features import command
from signal_server.features.catalogue import CATALOGUE, compute_features, find_features
from signal_server.features.document import as_markdown, example, has_finite_memory
from signal_server.features.feature import REGISTER
from signal_server.features.live import LiveFeatures
from signal_server.features.mirror import mirror_of
from tests.real_data import PROJECT
from tests.signal_server.features.bars import random_bars

PAGE = PROJECT / "docs" / "features.md"


def test_the_page_is_the_one_that_the_command_writes() -> None:
    written = CliRunner().invoke(command, ["--markdown"]).output
    assert PAGE.read_text(encoding="utf-8") == written == as_markdown()


def test_every_feature_says_what_it_means() -> None:
    for feature in CATALOGUE:
        assert feature.meaning
        assert "|" not in feature.meaning + feature.source
        assert not feature.meaning.endswith(".")
        assert feature.inputs


def test_only_exponential_averages_fade() -> None:
    finite = {feature.name for feature in CATALOGUE if has_finite_memory(feature)}
    assert {"sma_20_distance", "rsi_simple_14_60m", "btc_scaled_return_5", "day_sin"} <= finite
    fading = {"rsi_14", "macd_signal", "adx_14", "atr_ratio", "ema_9_slope"}
    assert not finite & fading
    assert all(has_finite_memory(f) for f in find_features(["volatility_1440", "volume_z_20"]))


@pytest.fixture
def own_feature() -> Iterator[str]:
    kept = dict(REGISTER)
    REGISTER.clear()
    exec(compile(example(), "own.py", "exec"), {})  # noqa: S102 (what a user would paste)
    (name,) = REGISTER
    REGISTER.update(kept | REGISTER)
    yield name
    REGISTER.clear()
    REGISTER.update(kept)


def test_the_example_of_an_own_feature_can_be_computed_and_trained_as_it_stands(
    own_feature: str,
) -> None:
    bars = random_bars(200)
    batch = compute_features(bars, [own_feature])
    live = LiveFeatures([own_feature], ["A-USD"], 60)
    live.open({"A-USD": bars})
    np.testing.assert_allclose(live.rows(["A-USD"]), batch.iloc[-1:], rtol=1e-9)
    assert batch.notna().sum().item() == 200 - REGISTER[own_feature].warmup_bars + 1
    assert mirror_of([own_feature]).signs == pytest.approx(1.0)
    assert f"```python\n{example()}```" in as_markdown()
