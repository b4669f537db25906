from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from hummingbot_scripts.ml_signals.config import MLSignalStrategyConfig, SettingsRefusedError

CONFIGS = Path(__file__).parents[2] / "conf" / "scripts"


def _paper(**changes: Any) -> dict[str, Any]:
    content = yaml.safe_load((CONFIGS / "conf_ml_signal_paper.yml").read_text())
    return content | changes


def test_the_shipped_paper_settings_are_taken() -> None:
    config = MLSignalStrategyConfig(**_paper())
    assert config.mode == "paper"
    assert config.rules.stop_loss == Decimal("0.05")
    assert config.rules.quote_size == Decimal(100)


def test_settings_that_hummingbot_could_not_read_trade_nothing() -> None:
    with pytest.raises(SettingsRefusedError, match=r"symbols is missing.*quote_size is missing"):
        MLSignalStrategyConfig(**{})


@pytest.mark.parametrize("key", ["bot_id", "connector", "symbols", "server", "quote_size"])
def test_who_trades_what_where_and_how_much_has_no_default(key: str) -> None:
    content = _paper()
    del content[key]
    with pytest.raises(SettingsRefusedError, match=f"{key} is missing"):
        MLSignalStrategyConfig(**content)


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(SettingsRefusedError, match="stoploss is not a setting"):
        MLSignalStrategyConfig(**_paper(stoploss=0.1))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("quote_size", -1),
        ("quote_size", 0),
        ("stop_loss", 1),
        ("take_profit", 0),
        ("min_confidence", 1.1),
        ("symbols", []),
        ("symbols", ["BTCUSD"]),
        ("symbols", ["BTC-USD", "BTC-USD"]),
        ("connector", "binance"),
        ("bot_id", "../x"),
        ("server", "nowhere"),
        ("time_limit_s", 0),
        ("controllers_config", ["conf_x.yml"]),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(SettingsRefusedError, match=key):
        MLSignalStrategyConfig(**_paper(**{key: value}))


def test_the_shipped_live_settings_trade_only_after_consent() -> None:
    content = yaml.safe_load((CONFIGS / "conf_ml_signal_live.yml").read_text())
    with pytest.raises(SettingsRefusedError, match="i_understand_this_trades_real_money"):
        MLSignalStrategyConfig(**content)
    content["i_understand_this_trades_real_money"] = True
    assert MLSignalStrategyConfig(**content).mode == "live"


def test_the_environment_names_another_server() -> None:
    config = MLSignalStrategyConfig(**_paper())
    assert config.server_address({}) == "127.0.0.1:50051"
    assert config.server_address({"ML_SIGNALS_SERVER": "server:1"}) == "server:1"
