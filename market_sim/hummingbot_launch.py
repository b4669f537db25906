"""The environment that sends a Hummingbot process to the Kraken stand-in."""

import os
from pathlib import Path

_FOLDER = Path(__file__).with_name("hummingbot")


def environment(rest_url: str, ws_url: str, ws_auth_url: str | None = None) -> dict[str, str]:
    """Return what to add to the environment of `python -m hummingbot.cli.main …`.

    The engine that the command starts inherits it. Without `ws_auth_url` the private stream is
    at the public one's address.
    """
    path = os.pathsep.join([str(_FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {
        "PYTHONPATH": path,
        "MARKET_SIM_KRAKEN_REST": rest_url,
        "MARKET_SIM_KRAKEN_WS": ws_url,
        "MARKET_SIM_KRAKEN_WS_AUTH": ws_auth_url or ws_url,
    }
