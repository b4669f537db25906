"""The script's settings: every symbol, size and limit must be written down, nothing else may be."""

import os
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from hummingbot.core.data_type.common import MarketDict
from hummingbot.strategy.strategy_v2_base import StrategyV2ConfigBase
from pydantic import Field, ValidationError, field_validator, model_validator

from .rules import RuleConfig

SERVER_VARIABLE = "ML_SIGNALS_SERVER"
"""Environment variable that wins over `server`, for containers that reach it by another name."""

PAPER_SUFFIX = "_paper_trade"

Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,12}-[A-Z0-9]{2,6}$")]
Share = Annotated[Decimal, Field(gt=0, lt=1)]
PositiveDecimal = Annotated[Decimal, Field(gt=0)]
PositiveInt = Annotated[int, Field(gt=0)]
PositiveSeconds = Annotated[float, Field(gt=0)]


class SettingsRefusedError(ValueError):
    """The script's settings are not usable; the text names every bad key."""


class MLSignalStrategyConfig(StrategyV2ConfigBase):  # type: ignore[misc]
    """What to trade, where, how much, and when to leave.

    `stop_loss`, `take_profit`: shares of the entry price after the entry's fee; `quote_size` is in
    quote currency. Hummingbot replaces a file that it cannot read by `{}`, so nothing that
    decides about money has a default. Raises `SettingsRefusedError`.
    """

    script_file_name: str = "ml_signal_strategy.py"
    bot_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    connector: Literal["kraken", "kraken_paper_trade"]
    symbols: Annotated[list[Symbol], Field(min_length=1)]
    server: Annotated[str, Field(pattern=r"^[^\s/]+:\d{1,5}$")]
    min_confidence: Annotated[Decimal, Field(ge=0, le=1)]
    quote_size: PositiveDecimal
    max_positions: PositiveInt
    stop_loss: Share
    take_profit: PositiveDecimal
    time_limit_s: PositiveInt
    cooldown_s: Annotated[int, Field(ge=0)]
    close_on_stop: bool
    silence_timeout_s: PositiveSeconds
    stop_timeout_s: PositiveSeconds
    i_understand_this_trades_real_money: bool = False

    def __init__(self, **data: Any) -> None:
        """Check the settings; what is wrong is said in one sentence."""
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise SettingsRefusedError(_describe(error)) from error

    @field_validator("symbols")
    @classmethod
    def _name_each_symbol_once(cls, symbols: list[str]) -> list[str]:
        if len(set(symbols)) != len(symbols):
            raise ValueError("a symbol is named twice")
        return symbols

    @model_validator(mode="after")
    def _real_money_needs_consent(self) -> Self:
        if not self.is_paper and not self.i_understand_this_trades_real_money:
            raise ValueError(
                f"connector {self.connector} trades real money; set "
                "i_understand_this_trades_real_money: true, or use kraken_paper_trade"
            )
        if self.controllers_config:
            raise ValueError("controllers_config must be empty; this script takes no controllers")
        return self

    @property
    def is_paper(self) -> bool:
        """Whether no real order can leave the bot."""
        return self.connector.endswith(PAPER_SUFFIX)

    @property
    def mode(self) -> str:
        """`paper` or `live`, as the trade log names it."""
        return "paper" if self.is_paper else "live"

    @property
    def rules(self) -> RuleConfig:
        """The part of the settings that the trading rules need."""
        return RuleConfig(
            min_confidence=self.min_confidence,
            quote_size=self.quote_size,
            max_positions=self.max_positions,
            stop_loss=self.stop_loss,
            take_profit=self.take_profit,
            time_limit_s=self.time_limit_s,
            cooldown_s=self.cooldown_s,
        )

    def server_address(self, environment: Mapping[str, str] = os.environ) -> str:
        """Return `host:port` of the signal server; the environment wins over the file."""
        return environment.get(SERVER_VARIABLE) or self.server

    def update_markets(self, markets: MarketDict) -> MarketDict:
        """Ask Hummingbot for the connector with all symbols."""
        return markets.add_or_update(self.connector, *self.symbols)


def _describe(error: ValidationError) -> str:
    problems = [_describe_one(item["loc"], item["type"], item["msg"]) for item in error.errors()]
    return "the settings of ml_signal_strategy are refused: " + "; ".join(problems)


def _describe_one(location: tuple[int | str, ...], kind: str, message: str) -> str:
    text = message.removeprefix("Value error, ")
    if not location:
        return text
    key = ".".join(str(part) for part in location)
    if kind == "missing":
        return f"{key} is missing; set it in conf/scripts"
    if kind == "extra_forbidden":
        return f"{key} is not a setting; remove it or correct its name"
    return f"{key}: {text}"
