"""How many private calls Kraken lets this account make, counted as Kraken counts them."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hummingbot.connector.exchange.kraken.kraken_constants import KrakenAPITier

RESERVE = 5.0
"""What calls that can wait leave for those that cannot."""

UNCOUNTED = frozenset({"AddOrder", "CancelOrder"})
"""Kraken counts them for each pair instead."""

_COST = MappingProxyType({"TradesHistory": 2.0})
_CAN_WAIT = frozenset({"Balance", "ClosedOrders", "TradesHistory"})


_MOST_BEYOND = 8.0
"""More than this Kraken is never taken to have counted beyond its limit."""


@dataclass(frozen=True, slots=True)
class Quota:
    """The height at which Kraken's counter refuses calls, and by how much it falls a second."""

    most: float
    back_a_second: float


QUOTAS = {
    KrakenAPITier.STARTER: Quota(15, 0.33),
    KrakenAPITier.INTERMEDIATE: Quota(20, 0.5),
    KrakenAPITier.PRO: Quota(20, 1.0),
}


class Allowance:
    """Makes calls wait until Kraken will take them; orders and cancellations never wait."""

    def __init__(self, quota: Quota, seconds: Callable[[], float] | None = None) -> None:
        """Begin with everything allowed; `seconds` is a clock that only goes on."""
        self._quota = quota
        self._seconds = seconds
        self._used = 0.0
        self._at = 0.0
        self._beyond = 0.0

    async def take(
        self, method: str, parameters: Mapping[str, str], *, urgent: bool = False
    ) -> None:
        """Wait until the call may be made, and count it; `urgent` ones never leave a reserve."""
        if method in UNCOUNTED:
            return
        cost = _COST.get(method, 1.0)
        reserve = 0.0 if urgent else _reserve(method, parameters)
        while (pause_s := self.missing_s(cost, reserve=reserve)) > 0:  # noqa: ASYNC110 (no event)
            await asyncio.sleep(pause_s)
        self._used += cost

    def exhausted(self) -> None:
        """Note that Kraken has counted more than was counted here, as after a restart.

        A refused call may count too, so waiting for one call's worth could go on for ever: each
        further refusal doubles what Kraken is taken to have counted beyond its limit.
        """
        self.missing_s(0, reserve=0)
        self._beyond = min(max(self._beyond * 2, 1.0), _MOST_BEYOND)
        self._used = self._quota.most + self._beyond

    def accepted(self) -> None:
        """Note that Kraken took a call."""
        self._beyond = 0.0

    def missing_s(self, cost: float, *, reserve: float) -> float:
        """Return in how many seconds there is room for a call; 0 for at once."""
        now = (self._seconds or asyncio.get_running_loop().time)()
        self._used = max(self._used - (now - self._at) * self._quota.back_a_second, 0.0)
        self._at = now
        above = self._used + cost + reserve - self._quota.most
        return above / self._quota.back_a_second + 1e-3 if above > 0 else 0.0


def _reserve(method: str, parameters: Mapping[str, str]) -> float:
    """Return what the call must leave; one that looks for a certain order leaves nothing."""
    wholly = method == "OpenOrders" and not parameters
    return RESERVE if wholly or (method in _CAN_WAIT and "userref" not in parameters) else 0.0
