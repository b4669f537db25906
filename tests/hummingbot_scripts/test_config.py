import ast
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from hummingbot_scripts.ml_signals.config import MLSignalStrategyConfig, SettingsRefusedError
from hummingbot_scripts.ml_signals.rules import HaltConfig, Sizing
from hummingbot_scripts.ml_signals.rules.guards import GuardConfig

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


def test_the_shipped_files_name_every_setting_with_its_default() -> None:
    fields = MLSignalStrategyConfig.model_fields
    hidden = {"controllers_config", "i_understand_this_trades_real_money"}
    for name in ("paper", "live"):
        content = yaml.safe_load((CONFIGS / f"conf_ml_signal_{name}.yml").read_text())
        assert set(fields) - hidden <= set(content) <= set(fields)
        required = {key for key, field in fields.items() if field.is_required()}
        for key in set(fields) - hidden - required:
            assert str(content[key]) in {str(fields[key].default), _plain(fields[key].default)}


def _plain(default: object) -> str:
    """Write a default as YAML reads a number: without zeros at its end."""
    is_number = isinstance(default, int | float | Decimal)
    return f"{float(default):g}" if is_number else str(default)


def test_without_the_rest_the_defaults_hold() -> None:
    required = ("bot_id", "connector", "symbols", "server", "quote_size")
    config = MLSignalStrategyConfig(**{key: _paper()[key] for key in required})
    assert config.rules == MLSignalStrategyConfig(**_paper()).rules
    assert config.guards == GuardConfig()
    assert config.halts == HaltConfig()


def test_every_setting_can_be_asked_for() -> None:
    for key, field in MLSignalStrategyConfig.model_fields.items():
        if key != "script_file_name":
            assert field.json_schema_extra["prompt"].endswith(": ")
            asked = field.json_schema_extra.get("prompt_on_new", False)
            assert asked == (field.is_required() or key == "controllers_config")


def test_lists_may_be_typed_with_commas() -> None:
    config = MLSignalStrategyConfig(**_paper(symbols="BTC-USD, ETH-USD", models="a,b@0f"))
    assert config.symbols == ["BTC-USD", "ETH-USD"]
    assert config.rules.models == {"a", "b@0f"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trailing_delta": 0.01}, "need each other"),
        ({"trailing_activation": 0.01}, "need each other"),
        ({"trailing_activation": 0.03, "trailing_delta": 0.03}, "below trailing_activation"),
        ({"trailing_activation": 0.10, "trailing_delta": 0.03}, "below take_profit"),
        ({"quote_size": 501}, "quote_size is above max_exposure_quote"),
        ({"protective_stop": True, "stop_loss": 0.99}, "leave no price"),
        ({"flatten_after_s": 19}, "at least silence_timeout_s"),
        ({"symbols": ["BTC-USD", "ETH-EUR"]}, "one quote currency, not in EUR and USD"),
        ({"day_timezone": "Berlin"}, "'Berlin' is no time zone"),
        ({"day_timezone": "America"}, "'America' is no time zone"),
        ({"day_timezone": ""}, "'' is no time zone"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    changes: dict[str, object], said: str
) -> None:
    with pytest.raises(SettingsRefusedError, match=said):
        MLSignalStrategyConfig(**_paper(**changes))


def test_a_size_above_the_exposure_is_no_contradiction_when_it_is_not_used() -> None:
    config = MLSignalStrategyConfig(**_paper(quote_size=1000, sizing="volatility"))
    assert config.rules.sizing is Sizing.VOLATILITY


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
        ("sizing", "kelly"),
        ("models", ["a b"]),
        ("models", ["a@xyz"]),
        ("max_losses_in_row", 0),
        ("max_losses_in_row", 101),
        ("risk_per_trade", 1),
        ("quote_size", float("nan")),
        ("max_exposure_quote", float("inf")),
        ("silence_timeout_s", float("inf")),
        ("flatten_after_s", float("nan")),
        ("max_basis_bps", -1),
        ("min_live_accuracy", 45),
        ("protective_margin", 0),
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


def test_hummingbots_create_finds_the_settings_in_the_scripts_own_file() -> None:
    script = CONFIGS.parents[1] / "hummingbot_scripts" / "ml_signal_strategy.py"
    classes = [
        node for node in ast.parse(script.read_text()).body if isinstance(node, ast.ClassDef)
    ]
    bases = {node.name: ast.unparse(node.bases[0]) for node in classes}
    assert bases["MLSignalStrategyConfig"] == "settings.MLSignalStrategyConfig"


def test_defaults_can_be_written_into_a_file_as_they_are() -> None:
    """Hummingbot's `create` dumps them after turning decimals into text."""
    for field in MLSignalStrategyConfig.model_fields.values():
        if not field.is_required():
            default = field.default
            yaml.safe_dump(str(default) if isinstance(default, Decimal) else default)


def test_the_environment_names_another_server() -> None:
    config = MLSignalStrategyConfig(**_paper())
    assert config.server_address({}) == "127.0.0.1:50051"
    assert config.server_address({"ML_SIGNALS_SERVER": "server:1"}) == "server:1"
