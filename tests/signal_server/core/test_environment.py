import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from signal_server.core.config import load_settings
from signal_server.core.errors import ConfigError

CONFIG = Path(__file__).parents[3] / "conf" / "signal_server.yml"


def test_every_documented_kind_of_name_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNAL_SERVER_DATA_DIR", "/tmp/elsewhere")  # noqa: S108
    monkeypatch.setenv("SIGNAL_SERVER_SERVING__PORT", "0")
    monkeypatch.setenv("SIGNAL_SERVER_POLYGON_API_KEY", "hush")
    settings = load_settings(CONFIG)
    assert settings.data_dir == Path("/tmp/elsewhere")  # noqa: S108
    assert settings.serving.port == 0
    assert "hush" not in repr(settings)


def _leaves(content: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        name = prefix + key.upper()
        if isinstance(value, dict) and value:
            yield from _leaves(value, name + "__")
        elif value is not None:
            yield name, value


def test_every_setting_of_the_file_can_be_set_by_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content, from_file = yaml.safe_load(CONFIG.read_text()), load_settings(CONFIG)
    del content["profiles"]
    for name, value in _leaves(content, "SIGNAL_SERVER_"):
        monkeypatch.setenv(name, value if isinstance(value, str) else json.dumps(value))
    assert load_settings(CONFIG) == from_file


@pytest.mark.parametrize("length", ["61", "-1", "sixty", "1.5", ""])
def test_a_bar_of_another_length_is_refused(monkeypatch: pytest.MonkeyPatch, length: str) -> None:
    monkeypatch.setenv("SIGNAL_SERVER_BAR_SECONDS", length)
    with pytest.raises(ConfigError, match="bar_seconds"):
        load_settings(CONFIG)


def test_an_unknown_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNAL_SERVER_COLOUR", "blue")
    with pytest.raises(ConfigError, match="SIGNAL_SERVER_COLOUR in the environment is not a sett"):
        load_settings(CONFIG)


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("SIGNAL_SERVER_SERVING_PORT", "SIGNAL_SERVER_SERVING__PORT"),
        ("SIGNAL_SERVER_POLYGON_APIKEY", "SIGNAL_SERVER_POLYGON_API_KEY"),
        ("SIGNAL_SERVER_DATADIR", "SIGNAL_SERVER_DATA_DIR"),
    ],
)
def test_a_slip_is_answered_with_the_name_that_was_meant(
    monkeypatch: pytest.MonkeyPatch, slip: str, meant: str
) -> None:
    monkeypatch.setenv(slip, "1")
    with pytest.raises(ConfigError, match=rf"did you mean {meant}\?"):
        load_settings(CONFIG)


def test_an_unknown_key_inside_a_section_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNAL_SERVER_SERVING__COLOUR", "blue")
    with pytest.raises(ConfigError, match=r"serving\.colour is not a setting"):
        load_settings(CONFIG)


def test_an_unknown_key_of_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "settings.yml"
    shutil.copy(CONFIG, path)
    path.write_text(path.read_text() + "\ncolour: blue\n")
    with pytest.raises(ConfigError, match="colour is not a setting"):
        load_settings(path)


@pytest.mark.parametrize(
    ("symbols", "sentence"),
    [
        ('["BTC-USD", "btcusd"]', "'btcusd' is no symbol; write it as BASE-QUOTE"),
        ('["BTC-USD", "BTC-USD"]', "symbols: a symbol is named twice"),
        ("BTC-USD,btcusd", "'btcusd' is no symbol; write it as BASE-QUOTE"),
        ("tier9", "or name a tier: tier1, tier2, tier3, tier4, all"),
        ('["BTC-USD"', "write a tier, or a list of tiers and symbols"),
        ("[1]", "write a tier, or a list of tiers and symbols"),
        ("[]", "symbols: List should have at least 1 item"),
    ],
)
def test_what_is_no_list_of_symbols_is_refused(
    monkeypatch: pytest.MonkeyPatch, symbols: str, sentence: str
) -> None:
    monkeypatch.setenv("SIGNAL_SERVER_SYMBOLS", symbols)
    with pytest.raises(ConfigError, match=sentence):
        load_settings(CONFIG)


@pytest.mark.parametrize(
    ("symbols", "expected"),
    [
        ("BTC-USD,ETH-USD", ["BTC-USD", "ETH-USD"]),
        ('["ETH-USD", "BTC-USD"]', ["ETH-USD", "BTC-USD"]),
        ("PEPE-USD", ["PEPE-USD"]),
    ],
)
def test_symbols_are_a_list_or_joined_by_commas(
    monkeypatch: pytest.MonkeyPatch, symbols: str, expected: list[str]
) -> None:
    monkeypatch.setenv("SIGNAL_SERVER_SYMBOLS", symbols)
    assert load_settings(CONFIG).symbols == expected


def test_a_tier_stands_for_its_coins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNAL_SERVER_SYMBOLS_FILE", str(CONFIG.with_name("symbols.yml")))
    monkeypatch.setenv("SIGNAL_SERVER_SYMBOLS", "PEPE-USD, tier1")
    symbols = load_settings(CONFIG).symbols
    assert symbols[:3] == ["PEPE-USD", "BTC-USD", "ETH-USD"]
    assert len(symbols) == 21
    monkeypatch.setenv("SIGNAL_SERVER_SYMBOLS", "all")
    assert len(load_settings(CONFIG).symbols) == 99


def test_a_missing_list_of_coins_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIGNAL_SERVER_SYMBOLS_FILE", str(tmp_path / "none.yml"))
    monkeypatch.setenv("SIGNAL_SERVER_SYMBOLS", "tier1")
    with pytest.raises(ConfigError, match=r"none\.yml does not exist; name it with symbols_file"):
        load_settings(CONFIG)


def test_a_section_can_be_set_in_part_by_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNAL_SERVER_PROFILES", '{"direction-2h": {"label": {"horizon_s": 3600}}}')
    profiles = load_settings(CONFIG).profiles
    assert profiles["direction-2h"].label.horizon_s == 3600
    assert profiles["direction-2h"].features == "pooled"
    assert "trend-10m" in profiles
