"""Plain text for a terminal: tables of fixed width, durations, prices and money. Pure."""

from collections.abc import Collection, Sequence
from decimal import Decimal

WIDTH = 120
_GAP = "  "
_DIGITS = 8


def table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], left: Collection[str] = ()
) -> list[str]:
    """Return lines of columns as wide as their content, numbers aligned right.

    The first column, the last and those headed as `left` says are aligned left; the last is cut
    where the line would pass `WIDTH`.
    """
    cells = [headers, *rows]
    widths = [max(len(row[at]) for row in cells) for at in range(len(headers))]
    ends = (0, len(headers) - 1)
    flush = [at in ends or name in left for at, name in enumerate(headers)]
    return [clipped("  " + _line(row, widths, flush)) for row in cells]


def _line(row: Sequence[str], widths: Sequence[int], flush: Sequence[bool]) -> str:
    padded = [
        cell.ljust(width) if is_left else cell.rjust(width)
        for cell, width, is_left in zip(row, widths, flush, strict=True)
    ]
    return _GAP.join(padded).rstrip()


def clipped(line: str) -> str:
    """Return `line` within `WIDTH`, with an ellipsis where something is missing."""
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"


def wrapped(text: str, indent: str) -> list[str]:
    """Return `text` in lines within `WIDTH`, each begun with `indent`; a long word is cut."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(clipped(f"{indent}{word}"))
    return lines


def duration(seconds: float) -> str:
    """Return a span in its two greatest units, like `23h 05m`."""
    whole = int(max(seconds, 0))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < 86_400:
        return f"{whole // 3600}h {whole % 3600 // 60:02}m"
    return f"{whole // 86_400}d {whole % 86_400 // 3600:02}h"


def price(value: Decimal | None) -> str:
    """Return a price or an amount with eight significant digits and without an exponent."""
    if value is None or not value.is_finite():
        return "-"
    places = max(_DIGITS - 1 - value.adjusted(), 0) if value else 0
    return trimmed(f"{value:.{places}f}")


def trimmed(number: str) -> str:
    """Return a written decimal without zeros at its end."""
    return number.rstrip("0").rstrip(".") if "." in number else number


def money(value: Decimal | None) -> str:
    """Return a sum of quote currency with its sign, to the cent."""
    return "-" if value is None else f"{value:+,.2f}"


def percent(share: Decimal | None) -> str:
    """Return a share as percent with its sign."""
    return "-" if share is None or not share.is_finite() else f"{share * 100:+.2f}%"
