import errno
import subprocess
import sys
from pathlib import Path

import pytest

from signal_server.cli.main import run, signal_server


def words(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out, _ = words(capsys)
    for name in signal_server.list_commands(None):  # type: ignore[arg-type, attr-defined]
        assert f"  {name}" in out


@pytest.mark.parametrize(
    "name",
    [
        *("symbols", "backfill", "import", "features", "train", "models", "backtest", "serve"),
        *("signals", "drift", "trades", "positions", "control"),
    ],
)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    out, _ = words(capsys)
    assert f"Usage: signal-server {name}" in out


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from signal_server.cli.main import run\n"
        "run(['--help'])\n"
        "heavy = {'pandas', 'numpy', 'xgboost', 'grpc', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)\n"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "sentence"),
    [
        (["serve"], 2, "set SIGNAL_SERVER_POLYGON_API_KEY"),
        (["backfill", "--start", "2026-01-01"], 2, "set SIGNAL_SERVER_POLYGON_API_KEY"),
        (["trades"], 1, "signals.sqlite does not exist; run"),
        (["positions"], 1, "signals.sqlite does not exist; run"),
        (["drift"], 1, "signals.sqlite does not exist; run"),
        (["drift", "--profile", "nope"], 2, "nope is not a profile"),
        (["positions", "--symbol", "btc"], 2, "is no symbol; write it as BASE-QUOTE"),
        (["control", "show", "--address", "127.0.0.1:1"], 1, "no server answers at 127.0.0.1:1;"),
        (["control", "watch", "--address", "127.0.0.1:1"], 1, "no answer from 127.0.0.1:1;"),
        (["control", "halt"], 2, "No such command 'halt'"),
        (["train"], 1, "no bars to train on; fetch them with"),
        (["train", "--symbols", "BTC-USD"], 1, "no bars of BTC-USD to train on"),
        (["train", "--profile", "magic"], 2, "magic is not a profile; "),
        (["backtest"], 1, "no model of profile direction-2h"),
        (["signals", "--address", "127.0.0.1:1"], 1, "no answer from 127.0.0.1:1; start"),
        (["signals", "--follow", "--address", "127.0.0.1:1"], 1, "no answer from 127.0.0.1:1"),
        (["train", "--symbols", "btc"], 2, "is no symbol; write it as BASE-QUOTE"),
        (["train", "--start", "yesterday"], 2, "'yesterday' is no date; write 2026-01-31"),
        (["trade"], 2, "No such command 'trade'"),
    ],
)
def test_a_mistake_is_answered_in_one_sentence(
    config: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    exit_code: int,
    sentence: str,
) -> None:
    assert run(["--config", str(config), *arguments]) == exit_code
    out, err = words(capsys)
    assert sentence in err
    assert "Traceback" not in err
    assert out == ""


def test_a_missing_settings_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--config", "nowhere.yml", "trades"]) == 2
    assert words(capsys)[1] == "nowhere.yml does not exist; name the settings file with --config\n"


def test_serving_without_bars_is_a_sentence(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNAL_SERVER_POLYGON_API_KEY", "key")
    assert run(["--config", str(config), "serve"]) == 1
    assert "no bars of BTC-USD are held; run `signal-server backfill`" in words(capsys)[1]


def test_a_folder_that_cannot_be_written_is_named(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNAL_SERVER_POLYGON_API_KEY", "key")
    monkeypatch.setenv("SIGNAL_SERVER_DATA_DIR", "/dev/null/data")
    assert run(["--config", str(config), "serve"]) == 1
    assert words(capsys)[1].startswith("/dev/null/data: Not a directory")


def test_a_full_disk_is_told_from_a_closed_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "data/x")

    monkeypatch.setattr("signal_server.cli.main.signal_server.main", fill)
    assert run(["features"]) == 1
    assert words(capsys)[1] == "data/x: No space left on device; make room and try again\n"


def test_the_features_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["features"]) == 0
    assert "warm-up bars" in words(capsys)[0]


def test_no_models_is_said(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--config", str(config), "models"]) == 0
    assert "No models yet" in words(capsys)[0]
