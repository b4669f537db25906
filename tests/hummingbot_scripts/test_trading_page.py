"""Holds docs/trading.md against the code: settings, defaults, reasons, halts and exits."""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from hummingbot_scripts.ml_signals.config import MLSignalStrategyConfig
from hummingbot_scripts.ml_signals.rules import ControlMode, ExitReason, HaltKind, Reason
from hummingbot_scripts.ml_signals.rules.guards import Guard
from hummingbot_scripts.ml_signals.sizing import Obstacle

PAGE = (Path(__file__).parents[2] / "docs" / "trading.md").read_text(encoding="utf-8")
FIELDS = MLSignalStrategyConfig.model_fields
NOT_FOR_PEOPLE = {"script_file_name", "controllers_config"}
SAID_OTHERWISE = {Reason.CONFIDENT_UP, Reason.DOWN_CLOSES_LONG, Reason.ALREADY_HOLDING}
BRIEF = "halted "
"""The page gives the halts' reasons by this beginning, and the halts themselves by name."""


def _tables() -> dict[str, str]:
    """Return each setting's default as the page's tables tell it, by name."""
    told: dict[str, str] = {}
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.replace(r"\|", "/").strip("|").split("|")]
        for name, default in pairwise(cells):
            if line.startswith("|") and name.strip("`") in FIELDS and name.startswith("`"):
                assert name.strip("`") not in told, f"{name} has two rows"
                told[name.strip("`")] = default
    return told


def _default(name: str) -> str:
    field = FIELDS[name]
    if field.is_required():
        return "none"
    words = {"None": "off", "[]": "any", "True": "true", "False": "false"}
    default = str(field.default)
    return words.get(default, default)


def _same(told: str, default: str) -> bool:
    if told == default:
        return True
    try:
        return Decimal(told) == Decimal(default)
    except ArithmeticError:
        return False


def test_every_setting_has_one_row_with_its_true_default() -> None:
    told = _tables()
    assert set(told) == set(FIELDS) - NOT_FOR_PEOPLE
    wrong = {name for name, default in told.items() if not _same(default, _default(name))}
    assert not wrong


def test_every_reason_not_to_trade_is_told() -> None:
    reasons = [*Reason, *Obstacle, *Guard]
    told = [*SAID_OTHERWISE, *(reason for reason in Reason if reason.startswith(BRIEF))]
    assert not [r for r in reasons if r not in told and r not in PAGE]


def test_every_halt_exit_and_order_is_told() -> None:
    for kind in HaltKind:
        assert f"| {kind} |" in PAGE
    for reason in ExitReason:
        assert f"| {reason} |" in PAGE
    for mode in ControlMode:
        assert f"| {mode} |" in PAGE


def test_the_links_lead_somewhere() -> None:
    headings = {
        line.lstrip("# ").lower().replace(",", "").replace(" ", "-")
        for line in PAGE.splitlines()
        if line.startswith("## ")
    }
    targets = [part.split(")")[0] for part in PAGE.split("](#")[1:]]
    assert targets
    assert set(targets) <= headings
