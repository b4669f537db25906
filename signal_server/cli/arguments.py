"""Argument types of the command line."""

import re
from datetime import UTC, datetime, timedelta

import click

from signal_server.core.errors import UnknownSymbolError
from signal_server.core.symbols import check_symbol

_DURATION = re.compile(r"(\d+)([smhd])")
_FIRST_YEAR, _LAST_YEAR = 1971, 2199
_MAX_DIGITS = 10
_LONGEST = timedelta(days=10_000)
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


class SymbolList(click.ParamType[tuple[str, ...]]):
    """Symbols joined by commas: `BTC-USD,ETH-USD`."""

    name = "symbols"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the symbols, each once and in order."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(dict.fromkeys(check_symbol(part.strip()) for part in _split(value)))
        except UnknownSymbolError as error:
            self.fail(str(error), param, ctx)


class Symbol(click.ParamType[str]):
    """One symbol: `BTC-USD`; empty means any."""

    name = "symbol"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return the symbol."""
        try:
            return check_symbol(str(value)) if value else ""
        except UnknownSymbolError as error:
            self.fail(str(error), param, ctx)


class ModelName(click.ParamType[tuple[str, str | None]]):
    """A model by its profile, and by its version too if not the one in use: `direction-2h@…`."""

    name = "model"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str | None]:
        """Return profile and version, None for the one in use."""
        if isinstance(value, tuple):
            return value
        profile, at, version = str(value).partition("@")
        if not profile or bool(at) != bool(version):
            self.fail(f"{value!r} names no model; write PROFILE or PROFILE@VERSION", param, ctx)
        return profile, version or None


class Moment(click.ParamType[datetime]):
    """A date or a date and time, ISO 8601; UTC unless it carries an offset."""

    name = "date"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the instant, tz-aware UTC; a date is its midnight."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no date; write 2026-01-31 or 2026-01-31T12:00", param, ctx)
        if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            self.fail(f"{value!r} is not between {_FIRST_YEAR} and {_LAST_YEAR}", param, ctx)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Duration(click.ParamType[timedelta]):
    """A number and a unit: `90s`, `15m`, `12h`, `180d`; `0s` where none is meant."""

    name = "duration"

    def __init__(self, *, positive: bool = False) -> None:
        self._positive = positive

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Return the duration, not below 0, and if `positive` above it."""
        if isinstance(value, timedelta):
            return value
        found = _DURATION.fullmatch(str(value))
        if found is None:
            self.fail(f"{value!r} is no duration; write 90s, 15m, 12h or 180d", param, ctx)
        if len(found[1]) > _MAX_DIGITS or (made := int(found[1]) * _UNITS[found[2]]) > _LONGEST:
            self.fail(f"{value!r} is too long; {_LONGEST.days} d are the most", param, ctx)
        if self._positive and not made:
            self.fail(f"{value!r} is nothing; write a duration above 0", param, ctx)
        return made


def _split(value: object) -> list[str]:
    return str(value).split(",")
