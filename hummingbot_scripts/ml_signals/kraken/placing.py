"""Hands an order to Kraken so that one decision never becomes two orders."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..clock import Clock
from .account import Ask
from .answers import (
    NONCE_ERROR,
    RATE_ERROR,
    KrakenError,
    KrakenRefusedError,
    KrakenUncertainError,
    KrakenUnreachedError,
)

logger = logging.getLogger(__name__)

_GLANCE_S = 0.2
_BEFORE_DEADLINE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long placing waits, in seconds.

    `deadline_s`: after this long Kraken no longer takes the order (2 to 60); `margin_s`: clocks
    apart and messages under way; `look_s`, `longest_look_s`: between look-ups; `attempts`: how
    often a request that reached nothing is sent.
    """

    deadline_s: float = 5.0
    margin_s: float = 2.0
    look_s: float = 2.0
    longest_look_s: float = 20.0
    retry_s: float = 0.3
    attempts: int = 6


class OrderNotPlacedError(OSError):
    """The order is known not to exist at Kraken, and never will."""


class Placer:
    """Sends AddOrder and finds out what became of it, however long Kraken takes to say.

    `send` puts one request to Kraken as it is; `ask` may repeat a question. `known_txid` returns
    the order's id if the private stream has told it meanwhile.
    """

    def __init__(
        self, send: Ask, ask: Ask, clock: Clock, known_txid: Callable[[str], str | None]
    ) -> None:
        """Prepare to place orders."""
        self._send = send
        self._ask = ask
        self._clock = clock
        self._known_txid = known_txid
        self.patience = Patience()

    async def place(self, userref: str, wanted: Mapping[str, str]) -> str:
        """Place one order and return Kraken's id; raises `OrderNotPlacedError` or `KrakenError`.

        The request carries a deadline. If its outcome is unknown, it is looked for under its
        reference until either it is found, or it is past the deadline and nowhere.
        """
        for attempt in range(self.patience.attempts):
            deadline = self._clock() + timedelta(seconds=self.patience.deadline_s)
            try:
                request = {**wanted, "userref": userref, "deadline": _rfc3339(deadline)}
                return _txid(await self._send("AddOrder", request))
            except KrakenUnreachedError as error:
                logger.warning("Order %s was turned away (%s); trying again.", userref, error)
                await asyncio.sleep(self._pause_s(error, attempt))
            except KrakenUncertainError as error:
                logger.warning("What became of order %s is not known (%s).", userref, error)
                return await self._find(userref, deadline)
        raise OrderNotPlacedError(f"Kraken turned the order away {self.patience.attempts} times")

    def _pause_s(self, error: KrakenError, attempt: int) -> float:
        short = self.patience.retry_s
        return short * 2**attempt if NONCE_ERROR in str(error) else short * 8 * (attempt + 1)

    async def _find(self, userref: str, deadline: datetime) -> str:
        last_look = deadline + timedelta(seconds=self.patience.margin_s)
        pause_s = self.patience.look_s
        while True:
            if txid := self._known_txid(userref):
                return txid
            final = self._clock() >= last_look
            try:
                if txid := await self._look_up(userref, deadline):
                    return txid
            except KrakenError as error:  # a refusal too: it says nothing of the order
                logger.warning("Order %s cannot be looked for yet: %s", userref, error)
                pause_s = min(pause_s * 2, self.patience.longest_look_s)
            else:
                if final:
                    raise OrderNotPlacedError("Kraken does not have it, and its deadline is past")
            await self._wait_for_news(userref, pause_s)

    async def _wait_for_news(self, userref: str, longest_s: float) -> None:
        """Wait until the private stream has told of the order, or it is time to ask."""
        waited_s = 0.0
        while waited_s < longest_s and not self._known_txid(userref):
            await asyncio.sleep(_GLANCE_S)
            waited_s += _GLANCE_S

    async def _look_up(self, userref: str, deadline: datetime) -> str | None:
        """Return the order with this reference, looked for among the open ones first.

        References come again after some time, so that older orders must not be found.
        """
        found = (await self._ask("OpenOrders", {"userref": userref}))["open"]
        if not found:
            since = {"start": f"{(deadline - _BEFORE_DEADLINE).timestamp():.6f}"}
            closed = await self._ask("ClosedOrders", {"userref": userref, **since})
            found = closed["closed"]
        return str(next(iter(found))) if found else None


def asking(send: Ask, attempts: int = 3, pause_s: float = 0.5) -> Ask:
    """Return a way to ask that repeats a question which changes nothing, as long as it may help."""

    async def ask(method: str, parameters: Mapping[str, str]) -> Any:
        for attempt in range(1, attempts):
            try:
                return await send(method, parameters)
            except KrakenRefusedError:
                raise
            except KrakenError as error:
                logger.info("%s is asked again: %s", method, error)
                # The rate is waited for where calls are counted.
                quick = NONCE_ERROR in str(error) or RATE_ERROR in str(error)
                await asyncio.sleep(pause_s * (0.2 if quick else 2**attempt))
        return await send(method, parameters)

    return ask


def _txid(result: Any) -> str:
    try:
        return str(result["txid"][0])
    except (KeyError, IndexError, TypeError):
        raise KrakenUncertainError(f"no order id in {str(result)[:100]}") from None


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
