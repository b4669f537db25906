"""What is typed is understood, or refused in words before anything begins."""

from datetime import UTC, datetime, timedelta

import click
import pytest

from signal_server.cli.arguments import Duration, Moment, SymbolList
from signal_server.cli.main import run


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("90s", timedelta(seconds=90)), ("0s", timedelta()), ("10000d", timedelta(days=10_000))],
)
def test_a_duration_is_a_number_and_a_unit(typed: str, meant: timedelta) -> None:
    assert Duration().convert(typed, None, None) == meant


@pytest.mark.parametrize("typed", ["", "5", "-1d", "1w", "10001d", "9" * 400 + "s", "1.5h"])
def test_what_is_no_duration_is_refused(typed: str) -> None:
    with pytest.raises(click.BadParameter):
        Duration().convert(typed, None, None)


def test_nothing_is_no_positive_duration() -> None:
    with pytest.raises(click.BadParameter, match="write a duration above 0"):
        Duration(positive=True).convert("0d", None, None)


def test_a_moment_is_utc_unless_it_says_otherwise() -> None:
    noon = datetime(2025, 1, 1, 12, tzinfo=UTC)
    assert Moment().convert("2025-01-01T12:00", None, None) == noon
    assert Moment().convert("2025-01-01T13:00+01:00", None, None) == noon


@pytest.mark.parametrize("typed", ["soon", "0001-01-01", "9999-12-31", "2025-13-01"])
def test_a_moment_that_no_bar_can_have_is_refused(typed: str) -> None:
    with pytest.raises(click.BadParameter):
        Moment().convert(typed, None, None)


def test_a_symbol_counts_once() -> None:
    assert SymbolList().convert("BTC-USD,BTC-USD", None, None) == ("BTC-USD",)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["walk-forward", "--every", "0d"], "write a duration above 0"),
        (["train", "--start", "2025-02-01", "--end", "2025-01-01"], "is not before --end"),
    ],
)
def test_a_period_that_cannot_be_is_said_to_be_that(config, capsys, arguments, said) -> None:
    assert run(["--config", str(config), *arguments]) != 0
    assert said in capsys.readouterr().err
