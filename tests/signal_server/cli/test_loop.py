"""The commands one after the other against a stand-in of the vendor, as a user runs them."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import yaml

from signal_server.cli.main import run
from signal_server.market.store import BarStore
from signal_server.training.registry import ModelRegistry
from tests.signal_server.cli.conftest import PROJECT
from tests.signal_server.cli.vendor import KEY, polygon

SYMBOLS = ("BTC-USD", "ETH-USD")
HISTORY_BARS = 3000


@dataclass(frozen=True)
class Installation:
    """A settings file, and the folder beside it."""

    config: Path

    @property
    def folder(self) -> Path:
        return self.config.parent

    def run(self, *arguments: str) -> int:
        return run(["--config", str(self.config), *arguments])

    def command(self, *arguments: str) -> list[str]:
        program = "from signal_server.cli.main import main; main()"
        return [sys.executable, "-c", program, "--config", str(self.config), *arguments]

    def change(self, name: str, **changes: object) -> "Installation":
        settings = yaml.safe_load(self.config.read_text())
        settings |= changes
        path = self.folder / name
        path.write_text(yaml.safe_dump(settings))
        return Installation(path)

    @contextmanager
    def serving(self) -> Iterator[tuple[subprocess.Popen[str], str]]:
        """Start the server; yields its process and address, and kills it if it still runs."""
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        log = (self.folder / "serve.log").open("a")
        process = subprocess.Popen(  # noqa: S603
            self.command("serve", "--ready-file", str(ready)), stderr=log, text=True
        )
        try:
            wait_until(lambda: ready.exists() or process.poll() is not None)
            assert ready.exists(), (self.folder / "serve.log").read_text()
            yield process, json.loads(ready.read_text())["address"]
        finally:
            process.kill()
            process.wait()
            log.close()

    def query(self, sql: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(self.folder / "data" / "signals.sqlite") as connection:
            return connection.execute(sql).fetchall()

    def has_rows(self, table: str, version: str) -> bool:
        sql = f"SELECT 1 FROM {table} WHERE model_version = '{version}' LIMIT 1"  # noqa: S608
        return self.query(sql) != []


def wait_until(holds: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A store filled from the stand-in and a model trained on it."""
    folder = tmp_path_factory.mktemp("installation")
    with pytest.MonkeyPatch.context() as patch, polygon(SYMBOLS, HISTORY_BARS) as port:
        for name in [name for name in os.environ if name.startswith("SIGNAL_SERVER_")]:
            patch.delenv(name)
        patch.setenv("SIGNAL_SERVER_POLYGON_API_KEY", KEY)
        made = Installation(_write_settings(folder, port))
        start = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
        assert made.run("backfill", "--start", start) == 0
        assert made.run("train") == 0
        yield made


def _write_settings(folder: Path, port: int) -> Path:
    settings = yaml.safe_load((PROJECT / "conf/signal_server.yml").read_text())
    settings |= {"data_dir": str(folder / "data"), "bar_seconds": 1, "symbols": list(SYMBOLS)}
    settings["polygon"] |= {
        "rest_url": f"http://127.0.0.1:{port}",
        "feed": f"127.0.0.1:{port}",
        "secure": False,
        "calls_per_minute": 0,
    }
    settings["serving"] |= {
        "port": 0,
        "profile": "quick",
        "signal_valid_s": 5,
        "max_bar_delay_s": 4,
        "heartbeat_s": 1,
    }
    label = {"kind": "direction", "horizon_s": 3}
    settings["profiles"] = {"quick": {"label": label, "features": "six"}}
    settings["training"]["max_rounds"] = 20
    path = folder / "signal_server.yml"
    path.write_text(yaml.safe_dump(settings))
    return path


def test_a_trained_model_is_listed_with_its_majority_rate(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert installation.run("models") == 0
    out = capsys.readouterr().out
    assert "quick" in out
    assert "majority" in out


def test_the_training_wrote_its_report(installation: Installation) -> None:
    (folder,) = (installation.folder / "data" / "reports").glob("quick-*")
    page = (folder / "index.html").read_text()
    assert "<svg" in page
    assert json.loads((folder / "report.json").read_text())["model"] == "quick"


def test_a_model_is_shown_with_its_lineage_and_history(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert installation.run("models", "show", "quick") == 0
    out = capsys.readouterr().out
    assert "data SHA-256" in out
    assert "first of its profile" in out


def test_stored_bars_are_scored_into_a_file(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    out = installation.folder / "scores.parquet"
    with subprocess.Popen([sys.executable, "-c", ""]) as killed:
        pass
    (installation.folder / f".scores.parquet.{killed.pid}.partial").write_bytes(b"left")
    assert installation.run("predict", "--model", "quick", "--out", str(out)) == 0
    frame = pd.read_parquet(out)
    assert list(frame.columns) == [
        "symbol", "close_time", "p_down", "p_up", "direction", "confidence", "label",
        "label_known_at", "in_training",
    ]  # fmt: skip
    assert set(frame["symbol"]) == set(SYMBOLS)
    assert frame["label"].isna().sum() < 20
    assert f"{len(frame):,} rows are in" in capsys.readouterr().out.replace("\n", " ")
    assert [path.name for path in installation.folder.glob(".scores*")] == []


def test_what_cannot_be_scored_is_a_sentence_and_leaves_the_file(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    out = installation.folder / "kept.parquet"
    out.write_bytes(b"kept")
    first = BarStore(installation.folder / "data" / "bars", 1).first_close(SYMBOLS[0])
    assert first is not None
    early = (first + timedelta(seconds=5)).isoformat()
    for arguments, said in (
        (("--end", early), "no bar of this period can be scored"),
        (("--start", early, "--end", first.isoformat()), "is not before --end"),
        (("--start", "2199-01-01"), "are stored in this period"),
    ):
        run = ("predict", "--model", "quick", *arguments, "--out", str(out))
        assert installation.run(*run) == 1
        assert said in capsys.readouterr().err
    folder = installation.folder / "folder.parquet" / "x"
    folder.mkdir(parents=True)
    for name, code in (("scores.csv", 2), ("folder.parquet", 2), ("kept.parquet/x.parquet", 1)):
        path = str(installation.folder / name)
        assert installation.run("predict", "--model", "quick", "--out", path) == code
        assert name in capsys.readouterr().err.replace("\n", "")
    assert out.read_bytes() == b"kept"
    assert not list(installation.folder.glob(".*.partial"))


def test_a_model_is_promoted_compared_and_rolled_back(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert installation.run("models", "rollback", "quick", "--why", "a test") == 1
    assert "no earlier champion" in capsys.readouterr().err
    assert installation.run("models", "list", "--json") == 0
    first = json.loads(capsys.readouterr().out)[0]["version"]
    more = yaml.safe_load(installation.config.read_text())["training"] | {"max_rounds": 2}
    assert installation.change("again.yml", training=more).run("train") == 0
    assert installation.run("models", "list", "--json") == 0
    capsys.readouterr()
    versions = sorted(
        path.name for path in (installation.folder / "data/models/quick").iterdir() if path.is_dir()
    )
    second = next(one for one in versions if one != first)
    for model in (f"quick@{second}", f"quick@{first}", f"quick@{second}"):
        run = ("models", "promote", model, "--why", "a test", "--despite-gates")
        assert installation.run(*run) == 0
    assert installation.run("models", "promote", f"quick@{second}", "--why", " ") == 2
    assert installation.run("models", "promote", "quick@nope", "--why", "a test") == 1
    assert "there is no quick@nope" in capsys.readouterr().err
    assert installation.run("models", "compare", f"quick@{first}", f"quick@{second}") == 0
    assert "gain of the second" in capsys.readouterr().out
    assert installation.run("models", "rollback", "quick", "--why", "a test") == 0
    assert f"quick@{first} is in use again" in capsys.readouterr().out
    assert installation.run("models", "promote", "quick", "--why", "a test") == 2


def test_promotions_and_challengers_reach_the_running_server(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = ModelRegistry(installation.folder / "data" / "models")
    if len(registry.list()) < 2:
        assert installation.run("train") == 0
    before = registry.champion("quick")
    after = next(one.version for one in registry.list() if one.version != before)
    with installation.serving():
        wait_until(lambda: installation.has_rows("ml_predictions", before))
        run = ("models", "promote", f"quick@{after}", "--why", "a test", "--despite-gates")
        assert installation.run(*run) == 0
        wait_until(lambda: installation.has_rows("ml_predictions", after))
        registry.challenge("quick", before, by="ada", why="a test")
        wait_until(lambda: installation.has_rows("shadow_predictions", before))
    ids = installation.query("SELECT id FROM ml_predictions ORDER BY rowid")
    assert ids == sorted(set(ids))
    capsys.readouterr()
    assert installation.run("drift", "--json") == 0
    champion, challenger = json.loads(capsys.readouterr().out)
    assert (champion["part"], champion["version"]) == ("champion", after)
    assert (challenger["part"], challenger["version"]) == ("challenger", before)
    assert challenger["rows"] > 0
    assert installation.run("drift") == 0
    out = capsys.readouterr().out
    assert "How models of quick do live" in out
    assert before in out
    registry.withdraw("quick", before, by="ada", why="a test")


def test_the_backtest_writes_its_report(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert installation.run("backtest") == 0
    (folder,) = (installation.folder / "data" / "reports").glob("backtest-*")
    names = {path.name for path in folder.iterdir()}
    assert names >= {"trade_log.csv", "equity_curve.csv", "summary.json", "equity_drawdown.png"}
    assert folder.name in capsys.readouterr().out.replace("\n", "")


def test_signals_flow_and_go_on_after_the_server_was_killed(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    with installation.serving() as (process, address):
        # Some, for the first bars of one symbol may all be fetched before those of the other.
        assert installation.run("signals", "--follow", "--count", "12", "--address", address) == 0
        out = capsys.readouterr().out
        assert "BTC-USD" in out
        assert "latency from bar to here: median" in out
        process.kill()
    (before,) = installation.query("SELECT max(id) FROM ml_predictions")[0]
    with installation.serving() as (process, address):
        arguments = ("signals", "--follow", "--count", "2", "--json", "--address", address)
        assert installation.run(*arguments) == 0
        lines = capsys.readouterr().out.splitlines()
        assert all(json.loads(line)["id"] > int(str(before)) for line in lines)
        wait_until(
            lambda: (
                installation.query(
                    f"SELECT 1 FROM ml_predictions WHERE id <= {before} AND correct IS NOT NULL"  # noqa: S608
                )
                != []
            )
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert installation.query("SELECT count(*) FROM ml_features") == installation.query(
        "SELECT count(*) FROM ml_predictions"
    )
    assert installation.query("SELECT 1 FROM health_metrics WHERE name = 'bar_to_signal_median'")
    assert "Traceback" not in (installation.folder / "serve.log").read_text()


def test_a_second_server_on_the_same_data_is_refused(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    with installation.serving():
        assert installation.run("serve") == 1
    assert "another server works in" in capsys.readouterr().err


def test_a_port_in_use_is_a_sentence(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        serving = yaml.safe_load(installation.config.read_text())["serving"]
        serving["port"] = taken.getsockname()[1]
        assert installation.change("taken.yml", serving=serving).run("serve") == 1
    assert "cannot be bound: another program listens there" in capsys.readouterr().err


def test_a_refused_key_ends_the_server_with_a_sentence(
    installation: Installation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SIGNAL_SERVER_POLYGON_API_KEY", "wrong")
    assert installation.run("serve") == 1
    assert "refused the key" in capsys.readouterr().err


def test_a_coin_without_bars_is_left_out_and_stops_no_server(installation: Installation) -> None:
    with installation.change("more.yml", symbols=[*SYMBOLS, "XRP-USD"]).serving():
        pass
    log = (installation.folder / "serve.log").read_text()
    assert "left out: no bars of XRP-USD are held; run `signal-server backfill`" in log


def test_a_symbol_that_the_model_has_not_seen_is_refused(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    data = installation.folder / "other"
    for symbol in ("BTC-USD", "XRP-USD"):
        bars = installation.folder / "data" / "bars" / "1s" / "BTC-USD"
        shutil.copytree(bars, data / "bars" / "1s" / symbol)
    shutil.copytree(installation.folder / "data" / "models", data / "models")
    changed = installation.change(
        "stranger.yml", symbols=["BTC-USD", "XRP-USD"], data_dir=str(data)
    )
    assert changed.run("serve") == 1
    assert "was not trained on XRP-USD; train it again" in capsys.readouterr().err


def test_a_model_of_another_feature_schema_is_refused(
    installation: Installation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("signal_server.features.catalogue.DEFINITION_VERSION", 999)
    assert installation.run("serve") == 1
    assert "does not fit" in capsys.readouterr().err


def test_a_model_of_other_bars_is_refused(
    installation: Installation, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    profile = {"quick": {"label": {"kind": "direction", "horizon_s": 60}, "features": "six"}}
    changed = installation.change("minutes.yml", bar_seconds=60, profiles=profile)
    minutes = tmp_path / "BTCUSDT.parquet"
    starts = pd.date_range("2026-01-01", periods=3, freq="min", tz="UTC")
    prices = dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0)
    pd.DataFrame({"timestamp": starts, **prices}).to_parquet(minutes)
    assert changed.run("import", str(minutes)) == 0
    assert changed.run("serve") == 1
    assert "trained on bars of 1 s, not 60 s" in capsys.readouterr().err


def test_an_unknown_symbol_cannot_be_fetched(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert installation.run("backfill", "--start", "2026-01-01", "--symbols", "NOPE-USD") == 3
    told = capsys.readouterr()
    assert "lists no NOPE-USD" in told.out
    assert "1 of 1 symbols could not be had in full" in told.err


def test_a_foreign_file_is_not_imported(
    installation: Installation, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear reader")
    assert installation.run("import", str(letter)) == 1
    assert "letter.txt" in capsys.readouterr().err


def test_a_server_with_a_model_a_symbol_publishes_what_each_says_of_its_own(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    profiles = yaml.safe_load(installation.config.read_text())["profiles"]
    profiles["quick"]["training"] = {"pooled": False}
    own = installation.change("own.yml", profiles=profiles)
    assert own.run("serve") == 1
    assert "has no model of its own in profile quick" in capsys.readouterr().err
    assert own.run("train") == 0
    assert own.run("train") == 0
    names = {f"quick.{symbol}" for symbol in SYMBOLS}
    registry = ModelRegistry(installation.folder / "data" / "models")
    challenging = f"quick.{SYMBOLS[1]}"
    used = registry.champion(challenging)
    other = next(one for one in registry.list() if one.id == challenging and one.version != used)
    registry.challenge(challenging, other.version, by="ada", why="a test")
    said = "SELECT DISTINCT model_id, symbol FROM ml_predictions WHERE model_id LIKE 'quick.%'"
    with own.serving():
        wait_until(lambda: {name for name, _ in own.query(said)} == names)
        wait_until(lambda: own.has_rows("shadow_predictions", other.version))
    in_shadow = "SELECT DISTINCT symbol FROM shadow_predictions WHERE model_version = "
    assert own.query(f"{in_shadow}'{other.version}'") == [(SYMBOLS[1],)]
    assert all(name == f"quick.{symbol}" for name, symbol in own.query(said))
    capsys.readouterr()
    assert own.run("drift", "--json") == 0
    assert {report["model"] for report in json.loads(capsys.readouterr().out)} == names
