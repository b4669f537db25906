"""Argument types of the command line."""

from datetime import UTC, datetime

import click

from signal_server.core.errors import UnknownSymbolError
from signal_server.core.symbols import check_symbol


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
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _split(value: object) -> list[str]:
    return str(value).split(",")
