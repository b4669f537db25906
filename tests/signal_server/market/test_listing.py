import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from signal_server.core.errors import MarketDataError
from signal_server.core.symbol_list import SymbolList
from signal_server.market.listing import (
    Chosen,
    Listing,
    Standing,
    ask_listing,
    choose,
    choose_for_history,
    current_listing,
    read_listing,
    write_listing,
)

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
COINS = SymbolList.model_validate(
    {
        "tiers": {},
        "renamed": {
            "MKR-USD": {"to": "SKY-USD", "units": 24000, "since": "2025-09"},
            "MATIC-USD": {"to": "POL-USD", "units": 1, "since": "2024-09"},
            "FTM-USD": {"to": "S-USD", "units": 1, "since": "2025-01"},
        },
    }
)
BTC, ETH, MKR, SKY = "X:BTCUSD", "X:ETHUSD", "X:MKRUSD", "X:SKYUSD"


@dataclass
class Answers:
    """A source that gives prepared answers; the last of those about listed coins for ever."""

    active: list[list[str]]
    ended: frozenset[str] = frozenset()
    asked: list[bool] = field(default_factory=list)

    def listed(self, *, active: bool = True) -> frozenset[str]:
        self.asked.append(active)
        if not active:
            return self.ended
        return frozenset(self.active.pop(0) if len(self.active) > 1 else self.active[0])


def clock() -> datetime:
    return NOW


def test_one_question_is_enough_while_every_coin_is_listed() -> None:
    source = Answers([[BTC, ETH]])
    listing = ask_listing(source, ["BTC-USD", "ETH-USD"], clock)
    assert source.asked == [True]
    assert listing.standing("ETH-USD") is Standing.LISTED


def test_a_list_that_was_cut_short_is_asked_for_again() -> None:
    source = Answers([[BTC], [ETH]])
    listing = ask_listing(source, ["BTC-USD", "ETH-USD"], clock)
    assert source.asked == [True, True]
    assert listing.listed == {BTC, ETH}


def test_a_coin_that_is_missing_is_looked_for_among_the_delisted() -> None:
    source = Answers([[BTC]], frozenset({MKR}))
    listing = ask_listing(source, ["BTC-USD", "MKR-USD", "NOPE-USD"], clock)
    assert source.asked == [True, True, False]
    assert listing.standing("MKR-USD") is Standing.DELISTED
    assert listing.standing("NOPE-USD") is Standing.UNLISTED


def test_an_empty_list_is_an_error_and_not_the_end_of_all_coins() -> None:
    with pytest.raises(MarketDataError, match="lists no coin at all; try again"):
        ask_listing(Answers([[]]), ["BTC-USD"], clock)


def test_a_listing_is_remembered_for_a_day(tmp_path: Path) -> None:
    path = tmp_path / "new" / "listing.json"
    source = Answers([[BTC]])
    moments = [NOW, NOW + timedelta(hours=23), NOW + timedelta(hours=25)]
    for moment in moments:
        current_listing(source, path, ["BTC-USD"], lambda moment=moment: moment)
    assert source.asked == [True, True]


def test_a_coin_that_was_not_asked_for_before_is_asked_for_now(tmp_path: Path) -> None:
    path = tmp_path / "listing.json"
    source = Answers([[BTC]], frozenset({MKR}))
    current_listing(source, path, ["BTC-USD"], clock)
    assert current_listing(source, path, ["MKR-USD"], clock).standing("MKR-USD") == "delisted"
    source.asked.clear()
    assert current_listing(source, path, ["NOPE-USD"], clock).standing("NOPE-USD") == "unlisted"
    assert source.asked == []


def test_a_memory_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    kept = tmp_path / "data" / "listing.json"
    assert current_listing(Answers([[BTC]]), kept, ["BTC-USD"], lambda: NOW).listed == {BTC}


def test_a_listing_comes_back_from_its_file(tmp_path: Path) -> None:
    listing = Listing(NOW, frozenset({BTC, ETH}), frozenset({MKR}), complete=True)
    write_listing(tmp_path / "listing.json", listing)
    assert read_listing(tmp_path / "listing.json") == listing


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        json.dumps({"asked_at": "soon", "listed": [BTC], "delisted": {}, "complete": True}),
        json.dumps({"asked_at": NOW.isoformat(), "listed": [], "delisted": {}, "complete": True}),
        json.dumps({"asked_at": "2026-01-05", "listed": [BTC], "delisted": {}, "complete": True}),
        json.dumps({"asked_at": NOW.isoformat(), "listed": [BTC], "delisted": 1, "complete": 1}),
    ],
)
def test_a_damaged_memory_is_forgotten(tmp_path: Path, text: str) -> None:
    path = tmp_path / "listing.json"
    path.write_text(text)
    assert read_listing(path) is None
    assert current_listing(Answers([[BTC]]), path, ["BTC-USD"], clock).listed == {BTC}


def reasons(chosen: Chosen) -> dict[str, str]:
    return {one.symbol: one.reason for one in chosen.skipped}


def test_each_coin_that_is_left_out_says_why_and_what_to_do() -> None:
    listing = Listing(NOW, frozenset({BTC, SKY, "X:FTMUSD"}), frozenset({MKR}), complete=True)
    symbols = ("NOPE-USD", "BTC-USD", "MKR-USD", "S-USD", "MATIC-USD")
    chosen = choose(symbols, listing, COINS)
    assert chosen.symbols == ("BTC-USD",)
    assert reasons(chosen) == {
        "NOPE-USD": "Polygon.io lists no NOPE-USD; correct it, or take it out of symbols",
        "MKR-USD": "Polygon.io lists MKR-USD no longer; "
        "it is SKY-USD since 2025-09, 24,000 for one: name that in symbols",
        "S-USD": "Polygon.io lists no S-USD; it is still called FTM-USD there: "
        "name that in symbols",
        "MATIC-USD": "Polygon.io lists no MATIC-USD; correct it, or take it out of symbols",
    }


def test_a_delisted_coin_still_has_its_history() -> None:
    listing = Listing(NOW, frozenset({BTC}), frozenset({MKR}), complete=True)
    chosen = choose_for_history(("MKR-USD", "NOPE-USD", "BTC-USD"), listing, COINS)
    assert chosen.symbols == ("MKR-USD", "BTC-USD")
    assert list(reasons(chosen)) == ["NOPE-USD"]


def test_while_nothing_is_known_nothing_is_left_out() -> None:
    assert choose(("BTC-USD", "NOPE-USD"), None, COINS) == Chosen(("BTC-USD", "NOPE-USD"), ())
