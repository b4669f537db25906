"""docs/trading.md names every setting with its true default, and every reason by its words."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from hummingbot_scripts.ml_signals.config import MLSignalStrategyConfig
from hummingbot_scripts.ml_signals.rules import ControlMode, ExitReason, HaltKind, Reason
from hummingbot_scripts.ml_signals.rules.guards import Guard
from hummingbot_scripts.ml_signals.sizing import Obstacle

PAGE = (Path(__file__).parents[2] / "docs" / "trading.md").read_text(encoding="utf-8")
FIELDS = MLSignalStrategyConfig.model_fields


def _rows() -> dict[str, str]:
    """Return the defaults that the tables give, by setting."""
    found: dict[str, str] = {}
    for line in PAGE.splitlines():
        pair = re.search(r"\| `([a-z_]+)` \| (required|`[^`]*`) \|", line)
        if pair is not None:
            assert pair[1] not in found, f"{pair[1]} has two defaults"
            found[pair[1]] = pair[2].strip("`")
    return found


def _as_yaml(default: object) -> str:
    if default is None or isinstance(default, bool):
        return {None: "null", True: "true", False: "false"}[default]
    return f"{default:g}" if isinstance(default, float) else str(default)


def test_the_page_names_all_settings_and_no_others() -> None:
    assert set(_rows()) == set(FIELDS)


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_the_page_gives_the_true_default(name: str) -> None:
    field = FIELDS[name]
    expected = "required" if field.is_required() else _as_yaml(field.default)
    assert _rows()[name] == expected


@pytest.mark.parametrize("words", [*Reason, *Guard, *Obstacle])
def test_the_page_quotes_every_reason(words: str) -> None:
    assert f'"{words}"' in PAGE


@pytest.mark.parametrize("name", [*HaltKind, *ExitReason, *ControlMode])
def test_the_page_names_every_halt_exit_and_order(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_the_worked_example_of_the_size_is_right() -> None:
    capital, risk = Decimal(1000), FIELDS["risk_per_trade"].default
    assert capital * risk / FIELDS["stop_loss"].default == 100
    assert capital * risk / Decimal("0.10") == 50
