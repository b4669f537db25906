"""The backtest and the bot: the same settings become the same rules."""

from dataclasses import fields
from typing import Any

import pytest

from hummingbot_scripts.ml_signals.config import MLSignalStrategyConfig
from signal_server.backtest.account import open_account
from signal_server.core.config import BacktestConfig, load_settings

NEEDED = {
    "bot_id": "test",
    "connector": "kraken_paper_trade",
    "symbols": ["BTC-USD"],
    "server": "127.0.0.1:1",
    "quote_size": 100,
}
ONLY_THE_BOT = {"models"}
ONLY_THE_BOTS_HALTS = {"min_live_accuracy", "min_accuracy_outcomes"}


@pytest.fixture
def backtest() -> BacktestConfig:
    return load_settings().backtest


def _bot(**changes: Any) -> MLSignalStrategyConfig:
    return MLSignalStrategyConfig(**(NEEDED | changes))


def test_the_shipped_backtest_has_the_bots_defaults(backtest: BacktestConfig) -> None:
    account = open_account(backtest)
    assert account.rules == _bot().rules
    assert account.halts.config == _bot().halts


@pytest.mark.parametrize(
    "changes",
    [
        {"sizing": "volatility", "risk_per_trade": 0.01, "max_position_share": 0.2},
        {"trailing_activation": 0.02, "trailing_delta": 0.01, "cooldown_s": 60},
        {"max_exposure_quote": 250, "max_positions": 2, "quote_size": 110.5},
        {"stop_loss": 0.02, "take_profit": 0.3, "time_limit_s": 60, "min_confidence": 0.7},
        {"max_daily_loss_share": 0.03, "max_daily_loss_quote": 7, "day_timezone": "Asia/Tokyo"},
        {"max_losses_in_row": 2, "loss_streak_pause_s": 30},
    ],
)
def test_the_same_settings_become_the_same_rules_and_halts(
    backtest: BacktestConfig, changes: dict[str, Any]
) -> None:
    config = BacktestConfig(**(backtest.model_dump() | changes))
    account, bot = open_account(config), _bot(**changes)
    assert account.rules == bot.rules
    assert account.halts.config == bot.halts


def test_every_rule_can_be_set_in_the_backtest() -> None:
    account = open_account(load_settings().backtest)
    rules = {field.name for field in fields(account.rules)} - ONLY_THE_BOT
    halts = {field.name for field in fields(account.halts.config)} - ONLY_THE_BOTS_HALTS
    assert rules | halts <= set(BacktestConfig.model_fields)
