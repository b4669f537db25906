import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from signal_server.core import symbols as names
from signal_server.core.errors import UnknownSymbolError
from tests.real_data import market_file

LIST = yaml.safe_load((Path(__file__).parents[3] / "conf" / "symbols.yml").read_text())
KNOWN = sorted(
    {symbol for tier in LIST["tiers"].values() for symbol in tier}
    | set(LIST["renamed"])
    | {change["to"] for change in LIST["renamed"].values()}
)

Mapping = tuple[Callable[[str], str], Callable[[str], str]]
MAPPINGS: dict[str, Mapping] = {
    "Polygon REST": (names.to_polygon_rest, names.from_polygon_rest),
    "Polygon flat files": (names.to_polygon_flat_file, names.from_polygon_flat_file),
    "Polygon stream": (names.to_polygon_stream, names.from_polygon_stream),
    "Kraken REST": (names.to_kraken_rest, names.from_kraken_rest),
    "Kraken altname": (names.to_kraken_altname, names.from_kraken_rest),
    "Kraken stream v1": (names.to_kraken_stream_v1, names.from_kraken_stream),
    "Kraken stream v2": (names.to_kraken_stream_v2, names.from_kraken_stream),
}

coins = st.from_regex(r"[A-Z0-9]{1,12}", fullmatch=True)


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        (
            "BTC-USD",
            ("X:BTCUSD", "X:BTC-USD", "BTC-USD", "XXBTZUSD", "XBTUSD", "XBT/USD", "BTC/USD"),
        ),
        (
            "DOGE-USD",
            ("X:DOGEUSD", "X:DOGE-USD", "DOGE-USD", "XDGUSD", "XDGUSD", "XDG/USD", "DOGE/USD"),
        ),
        (
            "SOL-USD",
            ("X:SOLUSD", "X:SOL-USD", "SOL-USD", "SOLUSD", "SOLUSD", "SOL/USD", "SOL/USD"),
        ),
    ],
)
def test_a_symbol_has_a_name_at_every_vendor(symbol: str, expected: tuple[str, ...]) -> None:
    assert tuple(write(symbol) for write, _ in MAPPINGS.values()) == expected


@pytest.mark.parametrize("vendor", MAPPINGS)
def test_every_listed_symbol_comes_back_from_its_name(vendor: str) -> None:
    write, read = MAPPINGS[vendor]
    assert [read(write(symbol)) for symbol in KNOWN] == KNOWN


@pytest.mark.parametrize("vendor", MAPPINGS)
def test_no_two_listed_symbols_share_a_name(vendor: str) -> None:
    write, _ = MAPPINGS[vendor]
    assert len({write(symbol) for symbol in KNOWN}) == len(KNOWN)


@pytest.mark.parametrize("vendor", MAPPINGS)
@given(base=coins)
def test_any_coin_in_dollars_comes_back_from_its_name(vendor: str, base: str) -> None:
    write, read = MAPPINGS[vendor]
    if base in {"XBT", "XDG"}:
        # Kraken's own names of coins that are called otherwise here.
        return
    assert read(write(f"{base}-USD")) == f"{base}-USD"


def test_kraken_names_its_pairs_as_they_are_named_here() -> None:
    for key, pair in captured_pairs().items():
        symbol = names.from_kraken_stream(pair["wsname"])
        assert names.to_kraken_rest(symbol) == key
        assert names.to_kraken_altname(symbol) == pair["altname"]
        assert names.to_kraken_stream_v1(symbol) == pair["wsname"]
        assert names.from_kraken_rest(key) == symbol
        assert names.from_kraken_rest(pair["altname"]) == symbol
        assert names.from_kraken_stream(names.to_kraken_stream_v2(symbol)) == symbol


def captured_pairs() -> dict[str, dict[str, Any]]:
    """Return Kraken's pairs without dark pools and without staked coins, which are no symbols."""
    text = market_file("kraken-ws-v1/KRAKEN.0").read_text(encoding="utf-8")
    answer, _ = json.JSONDecoder().raw_decode(text[text.index('{"error"') :])
    pairs = {key: pair for key, pair in answer["result"].items() if "wsname" in pair}
    return {key: pair for key, pair in pairs.items() if ".S" not in key}


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (names.check_symbol, "btc-usd"),
        (names.check_symbol, "BTC"),
        (names.check_symbol, "../BTC-USD"),
        (names.from_polygon_rest, "C:EURUSD"),
        (names.from_polygon_rest, "BTCUSD"),
        (names.from_polygon_rest, "X:USD"),
        (names.from_polygon_flat_file, "C:EUR-USD"),
        (names.from_polygon_flat_file, "X:BTCUSD"),
        (names.from_kraken_rest, "XBTUSD.d"),
        (names.from_kraken_rest, ""),
        (names.from_kraken_stream, "ETH2.S/ETH"),
        (names.from_kraken_stream, "XBT"),
        (names.from_joined, "bars"),
    ],
)
def test_what_is_no_name_is_refused(read: Callable[[str], str], name: str) -> None:
    with pytest.raises(UnknownSymbolError):
        read(name)


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("BTCUSDT", "BTC-USD"),
        ("XBTUSD", "BTC-USD"),
        ("XDGUSDC", "DOGE-USD"),
        ("ETHEUR", "ETH-EUR"),
        ("USDTUSD", "USDT-USD"),
    ],
)
def test_the_name_of_a_file_tells_the_symbol_in_dollars(name: str, symbol: str) -> None:
    assert names.in_dollars(names.from_joined(name)) == symbol


def test_a_symbol_has_two_halves() -> None:
    assert names.quote_of("BTC-USD") == "USD"
