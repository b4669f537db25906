"""Send Hummingbot's Kraken connector to the stand-in.

Python imports `sitecustomize` at its start from the path that `hummingbot_launch.environment`
sets. Only a process started with that environment is redirected; nothing here is mounted into a
real bot.
"""

import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from types import ModuleType

_CONSTANTS = "hummingbot.connector.exchange.kraken.kraken_constants"


class _Redirect(importlib.abc.MetaPathFinder):
    """Lets the normal finders find the constants, and changes the addresses once loaded."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != _CONSTANTS:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_redirect(module: ModuleType) -> None:
            execute(module)
            module.__dict__["BASE_URL"] = os.environ["MARKET_SIM_KRAKEN_REST"]
            module.__dict__["WS_URL"] = os.environ["MARKET_SIM_KRAKEN_WS"]
            module.__dict__["WS_AUTH_URL"] = os.environ.get(
                "MARKET_SIM_KRAKEN_WS_AUTH", os.environ["MARKET_SIM_KRAKEN_WS"]
            )

        spec.loader.exec_module = execute_and_redirect  # type: ignore[method-assign]
        return spec


if "MARKET_SIM_KRAKEN_REST" in os.environ and "MARKET_SIM_KRAKEN_WS" in os.environ:
    sys.meta_path.insert(0, _Redirect())
