"""What the matching engine does to an order when a fault is on."""

from datetime import datetime, timedelta
from decimal import Decimal

from market_sim.faults import FaultName, FaultSwitch, Where
from market_sim.kraken_orders import Fate, NewOrder, Order
from market_sim.kraken_pairs import LOT_DECIMALS, cut

_SLOW_S = 5.0
_HIDDEN_S = 3.0
_PART = 0.5
_THIN = 0.001
_CRASH = -0.1


class Fates:
    """Reads the switch for the engine."""

    def __init__(self, faults: FaultSwitch) -> None:
        self._faults = faults

    def of(self, wanted: NewOrder, now: datetime) -> Fate:
        """Return what is in store for a new order."""
        where = wanted.where("AddOrder")
        fate = Fate()
        slow = self._faults.struck(FaultName.KRAKEN_SLOW_FILL, where)
        if slow is not None:
            fate.fills_from = now + _seconds(slow.amount, _SLOW_S)
        hidden = self._faults.struck(FaultName.KRAKEN_HIDDEN_ORDER, where)
        if hidden is not None:
            fate.listed_from = now + _seconds(hidden.amount, _HIDDEN_S)
        rejected = self._faults.struck(FaultName.KRAKEN_REJECTED_LATE, where)
        if rejected is not None:
            fate.rejected_at = now + _seconds(rejected.amount, 0.0)
        part = self._faults.struck(FaultName.KRAKEN_PARTIAL_FILL, where)
        if part is not None:
            fate.share = _share(part.amount)
        canceled = self._faults.struck(FaultName.KRAKEN_REMAINDER_CANCELED, where)
        if canceled is not None:
            fate.share, fate.canceled_at_share = _share(canceled.amount), True
        return fate

    def fillable(self, order: Order) -> Decimal:
        """Return what of an order may fill by now, without what already has."""
        fate = order.fate
        where = order.wanted.where("AddOrder")
        resting = self._faults.switched_on(FaultName.KRAKEN_PARTIAL_FILL, where)
        if fate.share == 1 or (resting is None and not fate.canceled_at_share):
            return order.remaining
        share = cut(order.wanted.size * fate.share, LOT_DECIMALS)
        return max(share - order.filled, Decimal(0))

    def thinness(self, symbol: str) -> tuple[float, float]:
        """Return the shares of the usual size that asks and bids have."""
        sides = (
            self._faults.lasting(FaultName.KRAKEN_THIN_BOOK, Where(symbol, side))
            for side in ("buy", "sell")
        )
        asks, bids = (1.0 if f is None else f.amount or _THIN for f in sides)
        return asks, bids

    def price(self, symbol: str, usual: float) -> float:
        """Return where the price really is."""
        crash = self._faults.lasting(FaultName.KRAKEN_FLASH_CRASH, Where(symbol))
        if crash is None:
            return usual
        return usual * (1 + (_CRASH if crash.amount is None else crash.amount))


def _seconds(amount: float | None, usual: float) -> timedelta:
    return timedelta(seconds=usual if amount is None else amount)


def _share(amount: float | None) -> Decimal:
    return Decimal(str(_PART if amount is None else amount))
