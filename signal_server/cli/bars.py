"""The bar store that the settings mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from signal_server.core.config import Settings
    from signal_server.market.store import BarStore


def open_store(settings: Settings, bar_seconds: int | None = None) -> BarStore:
    """Return the store of bars of one length, at `bars_url` or below `data_dir`.

    Live bars, locks and coverage are below `data_dir` always.
    """
    from signal_server.market.store import BarStore

    root = settings.bars_url or settings.bars_dir
    return BarStore(root, bar_seconds or settings.bar_seconds, live_root=settings.bars_dir)
