"""The bot's rules and costs, as the backtest replays them."""

from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from signal_server.core.section import Positive, Section, Share


class BacktestConfig(Section):
    """The bot's trading rules and costs as the backtest replays them.

    The rules have the names and the defaults of the bot's settings. `stop_loss`, `take_profit` and
    `trailing_*` are shares of the entry price; sizes are in quote currency.
    """

    min_confidence: Annotated[float, Field(ge=0, le=1)]
    quote_size: Annotated[float, Field(gt=0)]
    max_positions: Positive
    stop_loss: Annotated[float, Field(gt=0, lt=1)]
    take_profit: Annotated[float, Field(gt=0)]
    time_limit_s: Positive
    cooldown_s: Annotated[int, Field(ge=0)]
    initial_capital: Annotated[float, Field(gt=0)]
    fee_bps: Annotated[float, Field(ge=0)]
    slippage_bps: Annotated[float, Field(ge=0)]
    sizing: Literal["fixed", "volatility"] = "fixed"
    risk_per_trade: Share = 0.005
    max_position_share: Share = 0.10
    max_exposure_quote: Annotated[float, Field(gt=0)] = 500
    trailing_activation: Annotated[float, Field(gt=0)] | None = None
    trailing_delta: Share | None = None
    max_daily_loss_share: Share = 0.10
    max_daily_loss_quote: Annotated[float, Field(gt=0)] = 50
    day_timezone: str = "UTC"
    max_losses_in_row: Positive = 5
    loss_streak_pause_s: Positive = 86_400

    @field_validator("day_timezone")
    @classmethod
    def _know_the_time_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is no time zone; write one like Europe/Berlin") from None
        return name

    @model_validator(mode="after")
    def _rules_go_together(self) -> Self:
        activation, delta = self.trailing_activation, self.trailing_delta
        if (activation is None) != (delta is None):
            raise ValueError("trailing_activation and trailing_delta need each other")
        if activation is not None and delta is not None and delta >= activation:
            raise ValueError("trailing_delta must be below trailing_activation")
        if activation is not None and activation >= self.take_profit:
            raise ValueError("trailing_activation must be below take_profit, which sells first")
        if self.sizing == "fixed" and self.quote_size > self.max_exposure_quote:
            raise ValueError("quote_size is above max_exposure_quote; nothing could be bought")
        return self
