"""The connector's way to Kraken: signed requests whose outcome is always known by kind."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

import aiohttp
from hummingbot.connector.exchange.kraken import kraken_constants as constants
from hummingbot.connector.exchange.kraken.kraken_exchange import KrakenExchange
from hummingbot.connector.exchange.kraken.kraken_utils import build_rate_limits_by_tier
from hummingbot.core.api_throttler.data_types import RateLimit
from hummingbot.core.web_assistant.connections.data_types import RESTMethod

from ..clock import utc_now
from .allowance import QUOTAS, UNCOUNTED, Allowance
from .answers import NONCE_ERROR, RATE_ERROR, error_of_failure, result_of
from .auth import NONCES, CarefulAuth
from .placing import asking
from .server_clock import ServerClock

PRIVATE = "/0/private/"
_ORDERS = frozenset({constants.ADD_ORDER_PATH_URL, constants.CANCEL_ORDER_PATH_URL})
_QUESTIONS = RateLimit(limit_id="kraken_questions", limit=1000, time_interval=1)
"""Hummingbot's throttler must name one; `Allowance` holds questions to what Kraken allows."""


class KrakenRequests(KrakenExchange):  # type: ignore[misc]
    """Hummingbot's connector with `private`, through which all private requests go."""

    REQUEST_TIMEOUT_S = 10.0

    def __init__(self, *args: Any, **named: Any) -> None:
        """Take what Hummingbot's connector takes."""
        self.server_clock = ServerClock(utc_now)
        super().__init__(*args, **named)
        self._allowance = Allowance(QUOTAS[self._kraken_api_tier])
        self.ask = asking(self.private)
        self.ask_first = asking(partial(self.private, urgent=True), attempts=6)

    @property
    def authenticator(self) -> CarefulAuth:
        """Sign with nonces that only grow."""
        return CarefulAuth(self.api_key, self.secret_key, self._time_synchronizer)

    @property
    def rate_limits_rules(self) -> list[RateLimit]:
        """Hummingbot's limits of public calls and of orders."""
        return [*build_rate_limits_by_tier(self._kraken_api_tier), _QUESTIONS]

    async def private(
        self, method: str, parameters: Mapping[str, str], *, urgent: bool = False
    ) -> Any:
        """Put one signed request to Kraken and return its result; raises a `KrakenError`.

        An `urgent` one leaves nothing of the allowance to others.
        """
        await self._allowance.take(method, parameters, urgent=urgent)
        lead_us = NONCES.lead_us
        try:
            result = result_of(await self._post(PRIVATE + method, parameters))
        except (OSError, TimeoutError, ValueError, aiohttp.ClientError) as failure:
            error = error_of_failure(failure)
            if NONCE_ERROR in str(error):
                NONCES.refused(lead_us)
            elif RATE_ERROR in str(error) and method not in UNCOUNTED:
                self._allowance.exhausted()
            raise error from failure
        NONCES.accepted()
        if method not in UNCOUNTED:
            self._allowance.accepted()
        return result

    async def public(self, path_url: str, parameters: Mapping[str, str]) -> Any:
        """Put one public question to Kraken, once; raises `OSError` and what it consists of."""
        async with asyncio.timeout(self.REQUEST_TIMEOUT_S):
            return result_of(await self._api_request(path_url=path_url, params=dict(parameters)))

    async def measure_clock(self) -> None:
        """Ask Kraken for the time; raises as `public` does."""
        asked = utc_now()
        answer = await self.public(constants.TIME_PATH_URL, {})
        self.server_clock.measured(int(answer["unixtime"]), asked, utc_now())

    async def _make_network_check_request(self) -> None:
        await self.measure_clock()

    async def _post(self, path_url: str, parameters: Mapping[str, str]) -> Any:
        """Send a signed form; the time it waits for its turn here does not count."""
        rest = await self._web_assistants_factory.get_rest_assistant()
        response = await rest.execute_request_and_get_response(
            url=await self._api_request_url(path_url=path_url, is_auth_required=True),
            throttler_limit_id=path_url if path_url in _ORDERS else _QUESTIONS.limit_id,
            data=dict(parameters),
            method=RESTMethod.POST,
            is_auth_required=True,
            timeout=self.REQUEST_TIMEOUT_S,
        )
        async with asyncio.timeout(self.REQUEST_TIMEOUT_S):
            return await response.json()

    async def _api_request_with_retry(
        self, method: Any, path_url: str, *args: Any, **named: Any
    ) -> Any:
        if not path_url.startswith(PRIVATE):
            return await super()._api_request_with_retry(method, path_url, *args, **named)
        return await self.ask(path_url.removeprefix(PRIVATE), named.get("data") or {})
