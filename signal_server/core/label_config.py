"""What is predicted."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from signal_server.core.section import Positive, Section


class LabelKind(StrEnum):
    """How the future is turned into classes."""

    DIRECTION = "direction"
    TREND = "trend"
    TRIPLE_BARRIER = "triple_barrier"


class BarrierConfig(Section):
    """The trade that a triple-barrier label describes: the bot's exits and costs, by their names.

    `stop_loss` and `take_profit` are shares of the entry price; its time limit is the label's
    horizon. A signal may be acted on until `signal_valid_s` after its bar's close.
    """

    stop_loss: Annotated[float, Field(gt=0, lt=1)]
    take_profit: Annotated[float, Field(gt=0)]
    fee_bps: Annotated[float, Field(ge=0)]
    slippage_bps: Annotated[float, Field(ge=0)]
    signal_valid_s: Annotated[float, Field(gt=0)]


class LabelConfig(Section):
    """What is predicted: UP/DOWN, UP/FLAT/DOWN beyond a threshold, or how a trade ends.

    The threshold of a trend is `threshold_bps`, or `threshold_volatility` times the usual move
    over the horizon, as the last 60 bars lead to expect it, if that is more.
    """

    kind: LabelKind
    horizon_s: Positive
    threshold_bps: Annotated[float, Field(ge=0)] = 0.0
    threshold_volatility: Annotated[float, Field(ge=0)] = 0.0
    barriers: BarrierConfig | None = None

    @model_validator(mode="after")
    def _threshold_and_barriers_fit_the_kind(self) -> Self:
        if (self.kind is LabelKind.TREND) != (self.threshold_bps > 0):
            raise ValueError("threshold_bps must be above 0 for kind trend, and absent for others")
        if self.threshold_volatility and self.kind is not LabelKind.TREND:
            raise ValueError("threshold_volatility is for kind trend alone; remove it")
        if (self.kind is LabelKind.TRIPLE_BARRIER) != (self.barriers is not None):
            raise ValueError("kind triple_barrier needs barriers, and other kinds have none")
        return self
