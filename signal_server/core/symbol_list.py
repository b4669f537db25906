"""The list of coins: tiers that stand for their coins, and coins that have a new name."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from signal_server.core.errors import ConfigError, UnknownSymbolError
from signal_server.core.section import Positive, Section
from signal_server.core.symbols import check_symbol

DEFAULT_SYMBOLS = Path("conf/symbols.yml")
ALL = "all"
"""Stands for every tier."""
_TIER = re.compile(r"\w+", re.ASCII)


class Renaming(Section):
    """What a coin is called now: `units` new ones for an old one, since a month like 2025-09."""

    to: str
    units: Positive
    since: Annotated[str, Field(pattern=r"^20\d\d-(0[1-9]|1[0-2])$")]

    @field_validator("to")
    @classmethod
    def _is_a_symbol(cls, symbol: str) -> str:
        return _checked(symbol)


class SymbolList(Section):
    """The content of `conf/symbols.yml`; a symbol belongs to one tier at most."""

    tiers: dict[str, tuple[str, ...]]
    renamed: dict[str, Renaming] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _each_symbol_is_one_and_named_once(self) -> Self:
        seen: dict[str, str] = {}
        for tier, symbols in self.tiers.items():
            if tier == ALL or not _TIER.fullmatch(tier):
                raise ValueError(f"{tier!r} cannot be a tier's name; call it like tier1")
            for symbol in map(_checked, symbols):
                if symbol in seen:
                    raise ValueError(f"{symbol} is in {seen[symbol]} and in {tier}; name it once")
                seen[symbol] = tier
        for old in self.renamed:
            _checked(old)
        return self

    def symbols(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the symbols that tiers and symbols stand for, each once and in order.

        Raises `UnknownSymbolError` for a name that is neither.
        """
        return tuple(dict.fromkeys(symbol for name in names for symbol in self._meant(name)))

    def tier_of(self, symbol: str) -> str | None:
        """Return the tier that a symbol is in."""
        return next((tier for tier, coins in self.tiers.items() if symbol in coins), None)

    def other_names(self, symbol: str) -> tuple[str, ...]:
        """Return under which other names the coin was or is traded."""
        now = self.renamed.get(symbol)
        before = [old for old, change in self.renamed.items() if change.to == symbol]
        return (*([now.to] if now else []), *before)

    def _meant(self, name: str) -> tuple[str, ...]:
        if name == ALL:
            return tuple(symbol for tier in self.tiers.values() for symbol in tier)
        if name in self.tiers:
            return self.tiers[name]
        try:
            return (check_symbol(name),)
        except UnknownSymbolError as error:
            known = ", ".join([*self.tiers, ALL])
            raise UnknownSymbolError(f"{error}, or name a tier: {known}") from None


def load_symbol_list(path: Path = DEFAULT_SYMBOLS) -> SymbolList:
    """Read the list of coins; raise `ConfigError` naming what is wrong with it."""
    try:
        return SymbolList.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist; name it with symbols_file") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "all of it"
        reason = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{path}: {where}: {reason}; correct it") from error
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path} cannot be read as YAML: {reason}") from error


def symbols_meant(given: object, path: Path) -> list[str]:
    """Return the symbols of a setting: `tier1`, `BTC-USD,ETH-USD`, or a list of such names.

    The list of coins at `path` is read only where a name is no symbol. Raises `ValueError`.
    """
    names = _names(given)
    if len(set(names)) < len(names):
        raise ValueError("a symbol is named twice")
    if all("-" in name for name in names):
        return [_checked(name) for name in names]
    try:
        return list(load_symbol_list(path).symbols(names))
    except UnknownSymbolError as error:
        raise ValueError(str(error)) from error


def _names(given: object) -> list[str]:
    if isinstance(given, str):
        given = _listed(given)
    if not isinstance(given, list | tuple) or not all(isinstance(name, str) for name in given):
        raise ValueError("write a tier, or a list of tiers and symbols like [tier1, PEPE-USD]")
    return list(given)


def _listed(text: str) -> object:
    """Return the list that an environment variable holds, as JSON or joined by commas."""
    if not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",")]
    try:
        return json.loads(text)
    except ValueError:
        return None


def _checked(symbol: str) -> str:
    try:
        return check_symbol(symbol)
    except UnknownSymbolError as error:
        raise ValueError(str(error)) from error
