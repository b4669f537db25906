"""What the stand-in sends has the form of what Kraken sent, held against a real capture."""

import json
import os
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from market_sim.kraken_pairs import Fees, pair_of
from market_sim.kraken_server import KrakenSettings, KrakenStandIn
from tests.market_sim.clients import ClientBook, StreamClient
from tests.market_sim.markets import SetClock, SteadyPrices

DEFAULT_FOLDER = Path(__file__).parents[3] / "shared" / "market"
CAPTURE = Path(os.environ.get("MARKET_DATA_DIR", DEFAULT_FOLDER)) / "kraken-ws-v1"
pytestmark = pytest.mark.skipif(
    not CAPTURE.is_dir(), reason=f"no capture of Kraken's streams at {CAPTURE}"
)


def captured(connection: int) -> Iterator[Any]:
    """Yield the messages that Kraken sent on a connection."""
    for line in (CAPTURE / f"KRAKEN.ws.{connection}.0").open(encoding="utf-8"):
        found = re.match(r"\d+\.\d+: (.+)", line)
        if found:
            yield json.loads(found[1])


def captured_pairs() -> dict[str, dict[str, Any]]:
    text = (CAPTURE / "KRAKEN.0").read_text(encoding="utf-8")
    start = text.index('{"error"')
    pairs: dict[str, dict[str, Any]] = json.JSONDecoder().raw_decode(text[start:])[0]["result"]
    return pairs


def form(value: Any) -> Any:
    """Return a message's form: keys, types, and what kind of text a text is."""
    match value:
        case dict():
            return {key: form(content) for key, content in value.items()}
        case list() if value and all(isinstance(item, list) for item in value):
            return [form(value[0])]
        case list():
            return [form(item) for item in value]
        case str() if re.fullmatch(r"\d{9,10}\.\d{6}", value):
            return "time"
        case str() if re.fullmatch(r"\d+\.\d{5,}", value):
            return "decimal"
        case str() if re.fullmatch(r"\d+", value):
            return "digits"
        case str():
            return "text"
        case _:
            return type(value).__name__


def kind(message: Any) -> str:
    """Return which of Kraken's messages this is."""
    if isinstance(message, dict):
        return f"{message['event']} {message.get('channelName', '')}"
    sides = sorted(key for part in message[1:-2] if isinstance(part, dict) for key in part)
    return f"{message[-2]} {' '.join(sides)}"


def usual_forms(messages: Iterator[Any]) -> dict[str, Any]:
    """Return the form of each kind; Kraken's rows rarely carry a fourth field."""
    forms: dict[str, Any] = {}
    for message in messages:
        forms.setdefault(kind(message), form(message))
    return forms


async def stand_in_messages() -> list[Any]:
    prices, clock = SteadyPrices(), SetClock()
    kraken = KrakenStandIn(prices, KrakenSettings(refresh_hz=0.001, two_sided=0), clock)
    addresses = await kraken.start()
    messages = []
    try:
        async with StreamClient(addresses.ws_url) as client:
            messages.append(await client.read())
            messages += await client.subscribe("trade", ["XBT/USD"])
            messages += await client.subscribe("book", ["XBT/USD"], depth=1000)
            messages.append(await client.read())
            for step in range(1, 40):
                clock.forward(0.2)
                prices.move("BTC-USD", step * 1e-4)
                kraken.refresh()
            messages += [await client.read() for _ in range(78)]
            while messages[-1] != {"event": "heartbeat"}:
                messages.append(await client.read(heartbeats=True))
    finally:
        await kraken.stop()
    return messages


async def test_every_public_message_has_the_form_of_kraken_s() -> None:
    real = usual_forms(m for connection in (48, 50) for m in captured(connection))
    ours = usual_forms(iter(await stand_in_messages()))
    expected = {
        "systemStatus ",
        "subscriptionStatus trade",
        "subscriptionStatus book-1000",
        "book-1000 as bs",
        "book-1000 a c",
        "book-1000 b c",
        "trade ",
        "heartbeat ",
    }
    assert expected <= real.keys()
    assert ours == {name: real[name] for name in expected}


async def test_an_update_of_both_sides_has_the_form_of_kraken_s() -> None:
    [real] = {kind(m): form(m) for m in captured(50) if isinstance(m, list) and len(m) == 5}.items()
    settings = KrakenSettings(refresh_hz=0.001, two_sided=1)
    prices, clock = SteadyPrices(), SetClock()
    kraken = KrakenStandIn(prices, settings, clock)
    async with StreamClient((await kraken.start()).ws_url) as client:
        await client.read()
        await client.subscribe("book", ["XBT/USD"], depth=1000)
        await client.read()
        clock.forward(0.2)
        prices.move("BTC-USD", 1e-4)
        kraken.refresh()
        message = await client.read()
    await kraken.stop()
    assert (kind(message), form(message)) == real


def test_the_checksum_is_kraken_s_on_every_captured_update() -> None:
    books: dict[str, ClientBook] = {}
    checked = 0
    for message in captured(50):
        if not isinstance(message, list):
            continue
        *_, channel, pair = message
        book = books.setdefault(pair, ClientBook(int(channel.removeprefix("book-"))))
        told = book.apply(message[1:-2])
        if told is not None:
            assert told == book.checksum()
            checked += 1
    assert checked > 4_000


def test_kraken_s_own_pairs_have_the_names_that_ours_get() -> None:
    prices = {"BTC-USD": 61_000.0, "ETH-USD": 2_400.0, "SOL-USD": 150.0, "DOGE-USD": 0.3}
    prices |= {"XRP-USD": 1.6, "LTC-USD": 300.0, "ADA-USD": 1.4, "ALGO-USD": 1.3}
    real, fees = captured_pairs(), Fees(Decimal(0), Decimal(0))
    for symbol, price in prices.items():
        pair = pair_of(symbol, price)
        if symbol == "SOL-USD":
            assert pair.key == "SOLUSD"
            continue
        listed, ours = real[pair.key], pair.details(fees)
        assert listed.keys() <= ours.keys()
        for name in ("altname", "wsname", "base", "quote", "lot_decimals", "lot"):
            assert ours[name] == listed[name]
        assert abs(ours["pair_decimals"] - listed["pair_decimals"]) <= 2
