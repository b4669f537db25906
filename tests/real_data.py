"""Where the real market data is, or a skip that says why a test did not run."""

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
FOLDER = Path(os.environ.get("MARKET_DATA_DIR", PROJECT.parent / "shared" / "market"))


def market_file(name: str) -> Path:
    """Return the path of a real data file; skip the test where it is not there."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"real data {name} is not in {FOLDER}; set MARKET_DATA_DIR")
    return path
