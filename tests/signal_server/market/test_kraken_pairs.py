import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from market_sim.faults import FaultName
from market_sim.kraken_server import KrakenSettings, KrakenStandIn
from signal_server.core.config import KrakenConfig
from signal_server.core.errors import MarketDataError
from signal_server.core.symbols import to_kraken_rest
from signal_server.market.kraken_pairs import TradedPair, ask_pairs, read_pairs
from tests.market_sim.markets import SetClock, SteadyPrices
from tests.real_data import market_file

Running = tuple[KrakenStandIn, KrakenConfig]


@pytest.fixture
async def kraken() -> AsyncIterator[Running]:
    stand_in = KrakenStandIn(SteadyPrices(), KrakenSettings(), SetClock())
    addresses = await stand_in.start()
    try:
        yield stand_in, KrakenConfig(rest_url=addresses.rest_url, timeout_s=2)
    finally:
        await stand_in.stop(rudely=True)


async def asked(config: KrakenConfig) -> dict[str, TradedPair]:
    return await asyncio.to_thread(ask_pairs, config)


async def test_kraken_says_what_it_trades_and_the_smallest_order(kraken: Running) -> None:
    pairs = await asked(kraken[1])
    assert set(pairs) == {"BTC-USD", "ETH-USD", "SOL-USD", "PEPE-USD"}
    assert pairs["BTC-USD"] == TradedPair(
        "BTC-USD", "XXBTZUSD", Decimal("0.0001"), Decimal("0.5"), "online"
    )


async def test_a_failure_in_passing_goes_unnoticed(kraken: Running) -> None:
    stand_in, config = kraken
    stand_in.faults.on(FaultName.KRAKEN_PUBLIC_5XX, remaining=2, amount=502)
    assert "BTC-USD" in await asked(config)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (FaultName.KRAKEN_PUBLIC_5XX, "Kraken answers with status 5..; check"),
        (FaultName.KRAKEN_CUT, "Kraken cannot be reached: .*; check"),
        (FaultName.KRAKEN_TOO_MANY_REQUESTS, "Kraken refused: EGeneral:Too many requests"),
        (FaultName.KRAKEN_MAINTENANCE, "Kraken refused: EService:Unavailable; try again"),
    ],
)
async def test_an_answer_that_never_comes_is_an_error(
    kraken: Running, fault: FaultName, sentence: str
) -> None:
    kraken[0].faults.on(fault)
    with pytest.raises(MarketDataError, match=sentence):
        await asked(kraken[1])


async def test_an_answer_that_is_too_slow_is_an_error(kraken: Running) -> None:
    stand_in, config = kraken
    stand_in.faults.on(FaultName.KRAKEN_SLOW_ANSWER, amount=30.0)
    with pytest.raises(MarketDataError, match=r"Kraken cannot be reached: .*timed out"):
        await asked(config.model_copy(update={"timeout_s": 0.05}))


async def test_nobody_there_is_an_error(kraken: Running) -> None:
    stand_in, config = kraken
    await stand_in.stop(rudely=True)
    with pytest.raises(MarketDataError, match=r"Kraken cannot be reached: .*refused"):
        await asked(config)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>",
        "[]",
        "{}",
        '{"error": []}',
        '{"error": [], "result": []}',
        '{"error": [], "result": {"A": 1}}',
        '{"error": [], "result": {"A": {"wsname": "A/USD", "altname": "A", "ordermin": "x"}}}',
        '{"error": [], "result": {"A": {"wsname": "A/USD", "altname": "A", "ordermin": null}}}',
    ],
)
def test_an_answer_that_is_none_is_an_error(body: str) -> None:
    with pytest.raises(MarketDataError, match="Kraken's answer cannot be read; check"):
        read_pairs(body.encode())


def test_no_pair_at_all_is_an_error() -> None:
    with pytest.raises(MarketDataError, match="trades nothing at all"):
        read_pairs(b'{"error": [], "result": {}}')


def test_the_pairs_that_kraken_really_listed_are_read() -> None:
    text = market_file("kraken-ws-v1/KRAKEN.0").read_text(encoding="utf-8")
    answer, _ = json.JSONDecoder().raw_decode(text[text.index('{"error"') :])
    pairs = read_pairs(json.dumps(answer).encode())
    assert len(pairs) == 292
    assert all(pair.key == to_kraken_rest(symbol) for symbol, pair in pairs.items())
    assert pairs["DOGE-USD"] == TradedPair("DOGE-USD", "XDGUSD", Decimal(50), None, "online")
