from pathlib import Path

import pytest

from signal_server.core.errors import ConfigError, UnknownSymbolError
from signal_server.core.symbol_list import SymbolList, load_symbol_list

SHIPPED = Path(__file__).parents[3] / "conf" / "symbols.yml"

SMALL = SymbolList.model_validate(
    {
        "tiers": {"big": ("BTC-USD", "POL-USD"), "small": ("PEPE-USD",)},
        "renamed": {
            "MATIC-USD": {"to": "POL-USD", "units": 1, "since": "2024-09"},
            "MKR-USD": {"to": "SKY-USD", "units": 24000, "since": "2025-09"},
        },
    }
)


def test_the_shipped_list_has_each_coin_of_the_specification_once() -> None:
    coins = load_symbol_list(SHIPPED)
    assert {tier: len(symbols) for tier, symbols in coins.tiers.items()} == {
        "tier1": 20,
        "tier2": 20,
        "tier3": 20,
        "tier4": 39,
    }
    assert len(coins.symbols(["all"])) == 99
    assert coins.tier_of("BLUR-USD") == "tier2"


def test_tiers_and_symbols_are_named_together_and_counted_once() -> None:
    assert SMALL.symbols(["PEPE-USD", "big", "BTC-USD"]) == ("PEPE-USD", "BTC-USD", "POL-USD")
    assert SMALL.symbols(["all"]) == ("BTC-USD", "POL-USD", "PEPE-USD")


def test_what_is_neither_tier_nor_symbol_is_refused_with_the_tiers() -> None:
    with pytest.raises(UnknownSymbolError, match="or name a tier: big, small, all"):
        SMALL.symbols(["middle"])


def test_a_coin_is_known_by_its_old_and_its_new_name() -> None:
    assert SMALL.other_names("MATIC-USD") == ("POL-USD",)
    assert SMALL.other_names("POL-USD") == ("MATIC-USD",)
    assert SMALL.other_names("BTC-USD") == ()


def test_a_symbol_of_no_tier_has_none() -> None:
    assert SMALL.tier_of("SKY-USD") is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("tiers: {a: [BTC-USD], b: [BTC-USD]}", "BTC-USD is in a and in b; name it once"),
        ("tiers: {a: [BTC-USD, BTC-USD]}", "BTC-USD is in a and in a; name it once"),
        ("tiers: {a: [btc]}", "'btc' is no symbol; write it as BASE-QUOTE"),
        ("tiers: {all: [BTC-USD]}", "'all' cannot be a tier's name"),
        ("tiers: {ETH-USD: [BTC-USD]}", "'ETH-USD' cannot be a tier's name"),
        ("tiers: {a: BTC-USD}", "tiers.a"),
        ("tiers: {a: [1]}", "tiers.a"),
        ("teirs: {}", "tiers: Field required"),
        ("tiers: {}\ncolour: blue", "colour: Extra inputs are not permitted"),
        ("", "all of it: Input should be a valid dict"),
        ("tiers: {", "cannot be read as YAML"),
        ("tiers: {}\nrenamed: {A-USD: {to: b, units: 1, since: 2025-01}}", "'b' is no symbol"),
        ("tiers: {}\nrenamed: {A-USD: {to: B-USD, units: 0, since: 2025-01}}", "units"),
        ("tiers: {}\nrenamed: {A-USD: {to: B-USD, units: 1, since: soon}}", "since"),
    ],
)
def test_a_wrong_list_is_answered_with_what_is_wrong(
    tmp_path: Path, text: str, sentence: str
) -> None:
    path = tmp_path / "symbols.yml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=sentence):
        load_symbol_list(path)
