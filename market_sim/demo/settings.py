"""The settings of a demo run: the project's, with one-second bars and the stand-ins' addresses."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

PROFILE = "demo"
POLYGON_KEY = "demo-key"
HORIZON_S = 15
MIN_CONFIDENCE = 0.51
QUOTE_SIZE = 100
STOP_LOSS = 0.004
TAKE_PROFIT = 0.002
TIME_LIMIT_S = 12
COOLDOWN_S = 3
MAX_LOSSES_IN_ROW = 100
FEE_BPS = 26
SIGNAL_VALID_S = 3
BOOSTER = {"min_child_weight": 20, "reg_lambda": 10}
"""The project's own regularisation is for years of bars and never splits on an afternoon's."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the stand-ins of this run listen, and what they call their market."""

    polygon_rest: str
    polygon_feed: str
    kraken_rest: str
    kraken_ws: str
    live_start: str
    symbols: tuple[str, ...]
    market: str

    @classmethod
    def from_ready_file(cls, content: Mapping[str, Any]) -> "Addresses":
        """Read what the stand-ins wrote when they were ready."""
        names = ("polygon_rest", "polygon_feed", "kraken_rest", "kraken_ws", "live_start", "market")
        return cls(**{name: content[name] for name in names}, symbols=tuple(content["symbols"]))


def write_server_settings(project: Path, folder: Path, addresses: Addresses) -> Path:
    """Write the signal server's settings of this run; return their path."""
    settings = yaml.safe_load((project / "conf/signal_server.yml").read_text(encoding="utf-8"))
    settings |= {
        "data_dir": str(folder / "data"),
        "bar_seconds": 1,
        "symbols": list(addresses.symbols),
        "profiles": {PROFILE: _profile()},
    }
    settings["polygon"] |= {
        "rest_url": addresses.polygon_rest,
        "feed": addresses.polygon_feed,
        "secure": False,
        "calls_per_minute": 0,
    }
    settings["serving"] |= {
        "port": 0,
        "profile": PROFILE,
        "signal_valid_s": SIGNAL_VALID_S,
        "max_bar_delay_s": SIGNAL_VALID_S - 1,
        "heartbeat_s": 1,
    }
    settings["training"]["booster"] |= BOOSTER
    settings["backtest"] |= _rules()
    path = folder / "signal_server.yml"
    path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return path


def write_bot_config(
    project: Path, scripts_conf: Path, addresses: Addresses, server_address: str
) -> str:
    """Write the bot's paper config of this run into Hummingbot's home; return its file name."""
    template = project / "conf/scripts/conf_ml_signal_paper.yml"
    config = yaml.safe_load(template.read_text(encoding="utf-8")) | {
        "server": server_address,
        "symbols": list(addresses.symbols),
        "min_confidence": MIN_CONFIDENCE,
        "quote_size": QUOTE_SIZE,
        "stop_loss": STOP_LOSS,
        "take_profit": TAKE_PROFIT,
        "time_limit_s": TIME_LIMIT_S,
        "cooldown_s": COOLDOWN_S,
        "max_losses_in_row": MAX_LOSSES_IN_ROW,
    }
    path = scripts_conf / "conf_ml_signal_demo.yml"
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return path.name


def history_start(addresses: Addresses, history_bars: int) -> str:
    """Return the ISO instant from which the stand-in has bars."""
    live_start = datetime.fromisoformat(addresses.live_start)
    return (live_start - timedelta(seconds=history_bars)).isoformat()


def describe_rules() -> str:
    """Say what this run's rules are, and that they are not the product's defaults."""
    return (
        "So that trades happen within minutes, the demo trades with settings of its own: "
        f"confidence ≥ {MIN_CONFIDENCE:.2f} instead of 0.60, stop {STOP_LOSS:.2%}, "
        f"take-profit {TAKE_PROFIT:.2%} (both after the entry's fee), time exit {TIME_LIMIT_S} s, "
        "and no halt after five losses in a row. "
        "Bars last one second, so a minute of a usual run is a second here."
    )


def _profile() -> dict[str, Any]:
    return {"label": {"kind": "direction", "horizon_s": HORIZON_S}, "features": "all"}


def _rules() -> dict[str, Any]:
    return {
        "min_confidence": MIN_CONFIDENCE,
        "quote_size": QUOTE_SIZE,
        "stop_loss": STOP_LOSS,
        "take_profit": TAKE_PROFIT,
        "time_limit_s": TIME_LIMIT_S,
        "cooldown_s": COOLDOWN_S,
        "max_losses_in_row": MAX_LOSSES_IN_ROW,
        "fee_bps": FEE_BPS,
    }
