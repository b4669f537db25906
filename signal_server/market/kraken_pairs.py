"""What Kraken trades, and the smallest order of each pair: its public AssetPairs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import urllib3

from signal_server.core.config import KrakenConfig
from signal_server.core.errors import MarketDataError, UnknownSymbolError
from signal_server.core.symbols import from_kraken_stream
from signal_server.market.deadline import set_deadlines
from signal_server.market.unreachable import why_unreachable

_PATH = "/0/public/AssetPairs"
_DARK_POOL = ".d"
_RETRIES = 2
_ADVICE = "check the connection and kraken.rest_url, then try again"


@dataclass(frozen=True, slots=True)
class TradedPair:
    """A pair with its name in AssetPairs, and its smallest order: size in base, cost in quote.

    An old answer says no cost: then it is None. `status` is Kraken's word, `online` when it trades.
    """

    symbol: str
    key: str
    minimum_size: Decimal
    minimum_cost: Decimal | None
    status: str


def ask_pairs(config: KrakenConfig) -> dict[str, TradedPair]:
    """Ask Kraken for its pairs; return them by symbol. Raises `MarketDataError`."""
    # Kraken fails in passing more often than it is down.
    retries = urllib3.Retry(
        total=_RETRIES,
        backoff_factor=0.2,
        status_forcelist=range(500, 600),
        raise_on_status=False,
        redirect=0,
    )
    with urllib3.PoolManager(retries=retries) as pool:
        set_deadlines(pool)
        timeout = urllib3.Timeout(connect=config.timeout_s, read=config.timeout_s)
        try:
            answer = pool.request("GET", config.rest_url + _PATH, timeout=timeout)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise MarketDataError(
                f"Kraken cannot be reached: {why_unreachable(error)}; {_ADVICE}"
            ) from error
    if answer.status != 200:
        raise MarketDataError(f"Kraken answers with status {answer.status}; {_ADVICE}")
    return read_pairs(answer.data)


def read_pairs(body: bytes) -> dict[str, TradedPair]:
    """Read an answer of AssetPairs; raise `MarketDataError` if it is none."""
    try:
        content = json.loads(body)
        if content["error"]:
            raise MarketDataError(f"Kraken refused: {content['error'][0]}; try again")
        pairs = {pair.symbol: pair for pair in _pairs(content["result"])}
    except (ValueError, LookupError, TypeError, AttributeError, InvalidOperation) as error:
        raise MarketDataError(f"Kraken's answer cannot be read; {_ADVICE}") from error
    if not pairs:
        raise MarketDataError("Kraken answered that it trades nothing at all; try again")
    return pairs


def _pairs(listed: Mapping[str, Mapping[str, Any]]) -> Iterator[TradedPair]:
    """Yield the pairs without dark pools, and without what is no coin of ours, like stakes."""
    for key, pair in listed.items():
        if "wsname" not in pair or pair["altname"].endswith(_DARK_POOL):
            continue
        try:
            symbol = from_kraken_stream(pair["wsname"])
        except UnknownSymbolError:
            continue
        cost = pair.get("costmin")
        yield TradedPair(
            symbol=symbol,
            key=key,
            minimum_size=Decimal(pair.get("ordermin", "0")),
            minimum_cost=None if cost is None else Decimal(cost),
            status=pair.get("status", "online"),
        )
