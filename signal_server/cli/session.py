"""What one run of the command line shares: the settings, read when first needed."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from signal_server.core.config import ProfileConfig, Settings
    from signal_server.core.symbol_list import SymbolList


@dataclass
class Session:
    """The run's settings file and what it says."""

    config: Path
    _settings: Settings | None = field(default=None, init=False)

    @property
    def settings(self) -> Settings:
        """Return the settings; raise `ConfigError` if they cannot be read."""
        from signal_server.core.config import load_settings

        if self._settings is None:
            self._settings = load_settings(self.config)
        return self._settings

    @property
    def coins(self) -> SymbolList:
        """Return the list of coins, an empty one without a file; raise `ConfigError` if damaged."""
        from signal_server.core.symbol_list import SymbolList, load_symbol_list

        path = self.settings.symbols_file
        return load_symbol_list(path) if path.exists() else SymbolList(tiers={})

    def profile(self, name: str) -> ProfileConfig:
        """Return a profile by name; raise `ConfigError` if there is none."""
        from signal_server.core.errors import ConfigError

        try:
            return self.settings.profiles[name]
        except KeyError:
            known = ", ".join(self.settings.profiles)
            raise ConfigError(f"{name} is not a profile; {self.config} has {known}") from None

    def api_key(self) -> str:
        """Return the Polygon.io key; raise `ConfigError` if it is not set."""
        from signal_server.core.errors import ConfigError

        key = self.settings.polygon_api_key.get_secret_value()
        if not key:
            raise ConfigError("no Polygon.io key; set SIGNAL_SERVER_POLYGON_API_KEY to yours")
        return key


def user_name() -> str:
    """Return who runs this, for histories; the number where the computer knows no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


pass_session = click.make_pass_decorator(Session)
