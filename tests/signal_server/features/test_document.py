"""The page of features says what the catalogue says."""

from click.testing import CliRunner

from signal_server.cli.features import command
from signal_server.features.catalogue import CATALOGUE, find_features
from signal_server.features.document import as_markdown, has_finite_memory
from tests.real_data import PROJECT

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
