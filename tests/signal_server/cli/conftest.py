import os
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[3]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file whose data folder is empty and whose server port is free."""
    for name in list(os.environ):
        if name.startswith("SIGNAL_SERVER_"):
            monkeypatch.delenv(name)
    settings = yaml.safe_load((PROJECT / "conf/signal_server.yml").read_text())
    settings["data_dir"] = str(tmp_path / "data")
    settings["serving"]["port"] = 0
    path = tmp_path / "signal_server.yml"
    path.write_text(yaml.safe_dump(settings))
    return path
