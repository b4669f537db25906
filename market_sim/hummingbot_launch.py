"""The environment that sends a Hummingbot process to the Kraken stand-in."""

import os
from pathlib import Path

_FOLDER = Path(__file__).with_name("hummingbot")


def environment(rest_url: str, ws_url: str) -> dict[str, str]:
    """Return what to add to the environment of `python -m hummingbot.cli.main …`.

    The engine that the command starts inherits it.
    """
    path = os.pathsep.join([str(_FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {
        "PYTHONPATH": path,
        "MARKET_SIM_KRAKEN_REST": rest_url,
        "MARKET_SIM_KRAKEN_WS": ws_url,
    }
