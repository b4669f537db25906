"""What a guarded executor is told: Hummingbot's own settings, patience, and what to adopt."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Self

from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.strategy_v2.executors.position_executor.data_types import PositionExecutorConfig
from hummingbot.strategy_v2.models.executors import CloseType
from pydantic import Field, model_validator

from ..trades import Fill
from .exit_plan import Patience


@dataclass(frozen=True, slots=True)
class AdoptedOrder:
    """An order of an earlier run, with the fills it is known to have had.

    `order_id` is the bot's own, `txid` the exchange's; `live` says that it may still fill.
    """

    order_id: str
    txid: str
    amount: Decimal
    created_at: datetime
    fills: tuple[Fill, ...] = ()
    live: bool = False
    order_type: OrderType = OrderType.MARKET
    trigger: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Adopted:
    """A position of an earlier run that is to be guarded again.

    `leaving` is why that run had begun to leave it; with exits and without a reason it is
    EARLY_STOP. `trailing_trigger` is the net profit share at which its trailing stop had stood.
    Orders that the exchange never had are left out.
    """

    entry: AdoptedOrder
    exits: tuple[AdoptedOrder, ...] = ()
    protective: tuple[AdoptedOrder, ...] = ()
    leaving: CloseType | None = None
    trailing_trigger: Decimal | None = None


class GuardedExecutorConfig(PositionExecutorConfig):  # type: ignore[misc]
    """Hummingbot's settings of a long position, and how patiently it is guarded (seconds).

    `timestamp` is when the position was opened, in an adopted one too: the time limit counts from
    there. `protective_margin`: how far below the stop a resting stop-loss order triggers, as a
    share of the entry price; None for no such order.
    """

    entry_patience_s: float = Field(10.0, gt=0)
    exit_patience_s: float = Field(15.0, gt=0)
    cancel_patience_s: float = Field(3.0, ge=0)
    cancel_again_s: float = Field(10.0, gt=0)
    first_retry_s: float = Field(1.0, gt=0)
    longest_retry_s: float = Field(60.0, gt=0)
    trouble_after_s: float = Field(10.0, gt=0)
    protective_margin: Decimal | None = Field(None, ge=0, lt=1)
    adopted: Adopted | None = Field(None, exclude=True)

    @model_validator(mode="after")
    def _can_be_guarded(self) -> Self:
        if self.side is not TradeType.BUY:
            raise ValueError("On spot only long positions are possible: set side to BUY.")
        if self.triple_barrier_config.take_profit_order_type is not OrderType.MARKET:
            raise ValueError(
                "A resting take-profit would lock the coins that the stop needs: set "
                "take_profit_order_type to MARKET."
            )
        return self

    @property
    def patience(self) -> Patience:
        """The waits as the exit plan takes them."""
        return Patience(
            entry_s=self.entry_patience_s,
            exit_s=self.exit_patience_s,
            cancel_s=self.cancel_patience_s,
            cancel_again_s=self.cancel_again_s,
            first_retry_s=self.first_retry_s,
            longest_retry_s=self.longest_retry_s,
        )


def guarded(config: PositionExecutorConfig) -> GuardedExecutorConfig:
    """Return settings with the guard's own added, those given if they have them."""
    if isinstance(config, GuardedExecutorConfig):
        return config
    return GuardedExecutorConfig(
        **{name: getattr(config, name) for name in config.model_fields_set}
    )
