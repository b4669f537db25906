import sqlite3
from pathlib import Path

import pytest

from signal_server.core.errors import JournalError
from signal_server.journal import journal as module
from signal_server.journal.journal import Journal


def test_a_log_that_another_program_holds_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_S", 0.01)
    path = tmp_path / "signals.sqlite"
    with Journal.open(path) as journal, sqlite3.connect(path) as other:
        other.execute("BEGIN IMMEDIATE")
        with (
            pytest.raises(JournalError, match=r"cannot be used now \(database is locked\)"),
            journal.transaction(),
        ):
            pass
