"""A label's settings fit its kind, and those of the profiles describe the bot's trade."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from signal_server.core.config import LabelConfig, load_settings

CONFIG = Path(__file__).parents[3] / "conf" / "signal_server.yml"
BARRIERS = {
    "stop_loss": 0.05,
    "take_profit": 0.1,
    "fee_bps": 26,
    "slippage_bps": 3,
    "signal_valid_s": 90,
}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"kind": "direction", "threshold_bps": 10}, "threshold_bps must be above 0"),
        ({"kind": "trend"}, "threshold_bps must be above 0"),
        ({"kind": "direction", "threshold_volatility": 1}, "threshold_volatility is for"),
        ({"kind": "triple_barrier"}, "needs barriers"),
        ({"kind": "direction", "barriers": BARRIERS}, "other kinds have none"),
        ({"kind": "triple_barrier", "barriers": BARRIERS | {"stop_loss": 1.5}}, "stop_loss"),
        ({"kind": "triple_barrier", "barriers": BARRIERS | {"trailing": 1}}, "trailing"),
    ],
)
def test_settings_that_do_not_fit_the_kind_are_refused(
    settings: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        LabelConfig.model_validate({"horizon_s": 600, **settings})


def test_the_default_barriers_are_what_the_bot_and_the_backtest_trade() -> None:
    settings = load_settings(CONFIG)
    label = settings.profiles["barrier-24h"].label
    assert label.barriers is not None
    traded = settings.backtest.model_dump(include=set(label.barriers.model_fields_set))
    assert label.barriers.model_dump(exclude={"signal_valid_s"}) == traded
    assert label.barriers.signal_valid_s == settings.serving.signal_valid_s
    assert label.horizon_s == settings.backtest.time_limit_s
