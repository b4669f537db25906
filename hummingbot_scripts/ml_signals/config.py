"""The script's settings: every symbol, size and limit must be written down, nothing else may be."""

import os
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hummingbot.core.data_type.common import MarketDict
from hummingbot.strategy.strategy_v2_base import StrategyV2ConfigBase
from pydantic import Field, ValidationError, field_validator, model_validator

from .rules import HaltConfig, RuleConfig, Sizing
from .rules.guards import GuardConfig

SERVER_VARIABLE = "ML_SIGNALS_SERVER"
"""Environment variable that wins over `server`, for containers that reach it by another name."""

PAPER_SUFFIX = "_paper_trade"

Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,12}-[A-Z0-9]{2,6}$")]
Share = Annotated[Decimal, Field(gt=0, lt=1)]
PositiveDecimal = Annotated[Decimal, Field(gt=0)]
PositiveInt = Annotated[int, Field(gt=0)]
PositiveSeconds = Annotated[float, Field(gt=0)]


def _asked(prompt: str) -> Any:
    """Return a setting without a default, for which `hbot create` asks."""
    return Field(default=..., json_schema_extra={"prompt": prompt, "prompt_on_new": True})


class SettingsRefusedError(ValueError):
    """The script's settings are not usable; the text names every bad key."""


class MLSignalStrategyConfig(StrategyV2ConfigBase):  # type: ignore[misc]
    """What to trade, where, how much, and when to leave.

    `docs/trading.md` says what each means. Hummingbot replaces a file that it cannot read by `{}`,
    so who trades what, where, and how much has no default. Raises `SettingsRefusedError`.
    """

    script_file_name: str = "ml_signal_strategy.py"
    bot_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")] = _asked(
        "Name of this bot, which names its journal too: "
    )
    connector: Literal["kraken", "kraken_paper_trade"] = _asked(
        "Trade on kraken_paper_trade, or with real money on kraken: "
    )
    symbols: Annotated[list[Symbol], Field(min_length=1)] = _asked(
        "Coins to trade, for example BTC-USD,ETH-USD: "
    )
    server: Annotated[str, Field(pattern=r"^[^\s/]+:\d{1,5}$")] = _asked(
        "Address of the signal server, for example 127.0.0.1:50051: "
    )
    quote_size: PositiveDecimal = _asked("Size of each position in quote currency: ")

    min_confidence: Annotated[Decimal, Field(ge=0, le=1)] = Decimal("0.60")
    models: list[str] = Field(default=[])
    max_positions: PositiveInt = 5
    max_exposure_quote: PositiveDecimal = Decimal(500)
    sizing: Sizing = Sizing.FIXED
    risk_per_trade: Share = Decimal("0.005")
    max_position_share: Share = Decimal("0.10")
    stop_loss: Share = Decimal("0.05")
    take_profit: PositiveDecimal = Decimal("0.10")
    time_limit_s: PositiveInt = 86_400
    trailing_activation: PositiveDecimal | None = None
    trailing_delta: Share | None = None
    cooldown_s: Annotated[int, Field(ge=0)] = 0

    max_daily_loss_share: Share = Decimal("0.10")
    max_daily_loss_quote: PositiveDecimal = Decimal(50)
    day_timezone: str = "UTC"
    max_losses_in_row: PositiveInt = 5
    loss_streak_pause_s: PositiveInt = 86_400
    min_live_accuracy: Annotated[float, Field(ge=0, le=1)] = 0.45
    min_accuracy_outcomes: PositiveInt = 50

    max_basis_bps: PositiveDecimal = Decimal(50)
    max_spread_bps: PositiveDecimal = Decimal(30)
    max_impact_bps: PositiveDecimal = Decimal(30)
    max_clock_skew_s: PositiveSeconds = 2.0
    max_orders_per_minute: PositiveInt = 30

    flatten_after_s: Annotated[float, Field(ge=0)] = 0.0
    protective_stop: bool = False
    protective_margin: Share = Decimal("0.01")
    close_on_stop: bool = True
    silence_timeout_s: PositiveSeconds = 20.0
    stop_timeout_s: PositiveSeconds = 10.0
    i_understand_this_trades_real_money: bool = False

    def __init__(self, **data: Any) -> None:
        """Check the settings; what is wrong is said in one sentence."""
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise SettingsRefusedError(_describe(error)) from error

    @field_validator("symbols", "models", mode="before")
    @classmethod
    def _split_what_was_typed(cls, given: object) -> object:
        if isinstance(given, str):
            return [part.strip() for part in given.split(",") if part.strip()]
        return given

    @field_validator("day_timezone")
    @classmethod
    def _know_the_time_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{name!r} is no time zone; write one like Europe/Berlin") from None
        return name

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

    @model_validator(mode="after")
    def _settings_go_together(self) -> Self:
        activation, delta = self.trailing_activation, self.trailing_delta
        if (activation is None) != (delta is None):
            raise ValueError("trailing_activation and trailing_delta need each other")
        if activation is not None and delta is not None and delta >= activation:
            raise ValueError("trailing_delta must be below trailing_activation")
        if self.sizing is Sizing.FIXED and self.quote_size > self.max_exposure_quote:
            raise ValueError("quote_size is above max_exposure_quote; nothing could be bought")
        if self.protective_stop and self.stop_loss + self.protective_margin >= 1:
            raise ValueError("stop_loss and protective_margin leave no price to stop at")
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
            sizing=self.sizing,
            risk_per_trade=self.risk_per_trade,
            max_position_share=self.max_position_share,
            max_exposure_quote=self.max_exposure_quote,
            trailing_activation=self.trailing_activation,
            trailing_delta=self.trailing_delta,
            models=frozenset(self.models),
        )

    @property
    def guards(self) -> GuardConfig:
        """The part that the guards before an order need."""
        return GuardConfig(
            max_basis_bps=self.max_basis_bps,
            max_spread_bps=self.max_spread_bps,
            max_impact_bps=self.max_impact_bps,
            max_clock_skew_s=self.max_clock_skew_s,
            max_orders_per_minute=self.max_orders_per_minute,
        )

    @property
    def halts(self) -> HaltConfig:
        """The part that the halts need."""
        return HaltConfig(
            max_daily_loss_share=self.max_daily_loss_share,
            max_daily_loss_quote=self.max_daily_loss_quote,
            day_timezone=self.day_timezone,
            max_losses_in_row=self.max_losses_in_row,
            loss_streak_pause_s=self.loss_streak_pause_s,
            min_live_accuracy=self.min_live_accuracy,
            min_accuracy_outcomes=self.min_accuracy_outcomes,
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
