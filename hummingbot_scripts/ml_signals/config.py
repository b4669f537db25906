"""The script's settings: what to trade and how much must be written down, the rest has defaults."""

import os
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hummingbot.core.data_type.common import MarketDict
from hummingbot.strategy.strategy_v2_base import StrategyV2ConfigBase
from pydantic import Field, ValidationError, field_validator, model_validator

from .refusals import SettingsRefusedError, describe
from .rules import HaltConfig, RuleConfig, Sizing
from .rules.guards import GuardConfig
from .sums import LONGEST_STREAK

__all__ = ["MLSignalStrategyConfig", "SettingsRefusedError"]

SERVER_VARIABLE = "ML_SIGNALS_SERVER"
"""Environment variable that wins over `server`, for containers that reach it by another name."""

PAPER_SUFFIX = "_paper_trade"

Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,12}-[A-Z0-9]{2,6}$")]
ModelName = Annotated[str, Field(pattern=r"^[^\s@]+(@[0-9a-f]+)?$")]
Probability = Annotated[Decimal, Field(ge=0, le=1)]
Share = Annotated[Decimal, Field(gt=0, lt=1)]
PositiveDecimal = Annotated[Decimal, Field(gt=0)]
PositiveInt = Annotated[int, Field(gt=0)]
WholeSeconds = Annotated[int, Field(ge=0)]
PositiveSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _asked(prompt: str) -> Any:
    """Return a setting without a default, for which Hummingbot's `create` asks."""
    return Field(default=..., json_schema_extra={"prompt": f"{prompt}: ", "prompt_on_new": True})


def _set(default: object, prompt: str) -> Any:
    """Return a setting with a default, which Hummingbot asks for only when told to change it."""
    return Field(default=default, json_schema_extra={"prompt": f"{prompt}: "})


class MLSignalStrategyConfig(StrategyV2ConfigBase):  # type: ignore[misc]
    """What to trade, where, how much, and when to leave.

    `docs/trading.md` says what each means. Hummingbot replaces a file that it cannot read by `{}`,
    so who trades what, where, and how much has no default. Raises `SettingsRefusedError`.
    """

    script_file_name: str = "ml_signal_strategy.py"
    bot_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")] = _asked(
        "Name of this bot, which names its journal too"
    )
    connector: Literal["kraken", "kraken_paper_trade"] = _asked(
        "Trade on kraken_paper_trade, or with real money on kraken"
    )
    symbols: Annotated[list[Symbol], Field(min_length=1)] = _asked(
        "Coins to trade, for example BTC-USD,ETH-USD"
    )
    server: Annotated[str, Field(pattern=r"^[^\s/]+:\d{1,5}$")] = _asked(
        "Address of the signal server, for example 127.0.0.1:50051"
    )
    quote_size: PositiveDecimal = _asked("Size of each position in quote currency")

    min_confidence: Probability = _set(Decimal("0.60"), "Least confidence of a signal")
    models: list[ModelName] = _set([], "Models to follow, empty for any")
    max_positions: PositiveInt = _set(5, "Most positions at once")
    max_exposure_quote: PositiveDecimal = _set(Decimal(500), "Most money at risk")
    sizing: Literal["fixed", "volatility"] = _set("fixed", "Size of positions, fixed or volatility")
    risk_per_trade: Share = _set(Decimal("0.005"), "Share of the capital to risk on a position")
    max_position_share: Share = _set(Decimal("0.10"), "Most of the capital in one position")
    stop_loss: Share = _set(Decimal("0.05"), "Loss at which to leave, as a share")
    take_profit: PositiveDecimal = _set(Decimal("0.10"), "Profit at which to leave, as a share")
    time_limit_s: PositiveInt = _set(86_400, "Seconds after which to leave")
    trailing_activation: PositiveDecimal | None = _set(None, "Profit that arms the trailing stop")
    trailing_delta: Share | None = _set(None, "Fall from the best at which it sells")
    cooldown_s: WholeSeconds = _set(0, "Seconds to stay out of a coin after leaving it")

    max_daily_loss_share: Share = _set(Decimal("0.10"), "Loss of a day that halts, as a share")
    max_daily_loss_quote: PositiveDecimal = _set(Decimal(50), "Loss of a day that halts")
    day_timezone: str = _set("UTC", "Time zone in which days begin")
    max_losses_in_row: Annotated[int, Field(gt=0, le=LONGEST_STREAK)] = _set(
        5, "Losses in a row that halt"
    )
    loss_streak_pause_s: PositiveInt = _set(86_400, "Seconds that they halt")
    min_live_accuracy: Annotated[float, Field(ge=0, le=1)] = _set(
        0.45, "Accuracy of live predictions under which to halt"
    )
    min_accuracy_outcomes: PositiveInt = _set(50, "Predictions that must be known for that")

    max_basis_bps: PositiveDecimal = _set(Decimal(50), "Most between signal's and book's price")
    max_spread_bps: PositiveDecimal = _set(Decimal(30), "Widest spread to buy at")
    max_impact_bps: PositiveDecimal = _set(Decimal(30), "Most that buying may move the price")
    max_clock_skew_s: PositiveSeconds = _set(2.0, "Most between the server's clock and this one")
    max_orders_per_minute: PositiveInt = _set(30, "Most entries in a minute")

    flatten_after_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = _set(
        0.0, "Seconds of the server's silence after which to sell everything, 0 for never"
    )
    protective_stop: bool = _set(False, "Rest a stop-loss order at the exchange (true or false)")
    protective_margin: Share = _set(Decimal("0.01"), "How far below stop_loss it rests")
    close_on_stop: bool = _set(True, "Sell everything when the bot is stopped (true or false)")
    silence_timeout_s: PositiveSeconds = _set(20.0, "Silence after which the server counts as gone")
    stop_timeout_s: PositiveSeconds = _set(10.0, "Seconds to send trade events when stopping")
    i_understand_this_trades_real_money: bool = _set(False, "Trade real money (true or false)")

    def __init__(self, **data: Any) -> None:
        """Check the settings; what is wrong is said in one sentence."""
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise SettingsRefusedError(describe(error)) from error

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
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is no time zone; write one like Europe/Berlin") from None
        return name

    @field_validator("symbols")
    @classmethod
    def _name_each_coin_once_in_one_currency(cls, symbols: list[str]) -> list[str]:
        if len(set(symbols)) != len(symbols):
            raise ValueError("a symbol is named twice")
        quotes = sorted({symbol.split("-")[1] for symbol in symbols})
        if len(quotes) > 1:
            raise ValueError(
                f"sizes and limits are in one quote currency, not in {' and '.join(quotes)}; "
                "give each currency a bot of its own"
            )
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
    def _trailing_stop_can_be_reached(self) -> Self:
        activation, delta = self.trailing_activation, self.trailing_delta
        if activation is None or delta is None:
            if activation is not None or delta is not None:
                raise ValueError("trailing_activation and trailing_delta need each other")
            return self
        if delta >= activation:
            raise ValueError("trailing_delta must be below trailing_activation")
        if activation >= self.take_profit:
            raise ValueError("trailing_activation must be below take_profit, which sells first")
        return self

    @model_validator(mode="after")
    def _settings_go_together(self) -> Self:
        if self.sizing == "fixed" and self.quote_size > self.max_exposure_quote:
            raise ValueError("quote_size is above max_exposure_quote; nothing could be bought")
        if self.protective_stop and self.stop_loss + self.protective_margin >= 1:
            raise ValueError("stop_loss and protective_margin leave no price to stop at")
        if 0 < self.flatten_after_s < self.silence_timeout_s:
            raise ValueError("flatten_after_s must be 0, or at least silence_timeout_s")
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
            sizing=Sizing(self.sizing),
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
