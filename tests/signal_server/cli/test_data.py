"""`signal-server data`: what users see of the stored bars."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from signal_server.cli.main import run
from signal_server.market.coverage import Coverage, Source
from signal_server.market.frames import bar_frame
from signal_server.market.store import BarStore

START = datetime(2025, 1, 31, 22, tzinfo=UTC)
SEEN = datetime(2025, 2, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def frame(minutes: range | list[int], price: float = 100.0) -> pd.DataFrame:
    closes = [START + n * MINUTE for n in minutes]
    values = price + np.arange(len(closes)) % 7
    columns = dict.fromkeys(("open", "close"), values) | {"high": values + 1, "low": values - 1}
    return bar_frame(closes, columns | {"volume": np.ones(len(closes))})


@pytest.fixture
def store(config: Path) -> BarStore:
    """Hold BTC-USD: minutes 1 to 300, of which 11 to 30 are quiet and 51 to 90 missing."""
    held = BarStore(config.parent / "data/bars", 60)
    minutes = [n for n in range(1, 301) if not (10 < n <= 30 or 50 < n <= 90)]
    held.write("BTC-USD", frame(minutes), SEEN)
    coverage = Coverage.of(held.folder, "BTC-USD")
    for first, last in ((0, 50), (90, 300)):
        period = (START + first * MINUTE, START + last * MINUTE)
        coverage.add(period, Source.REST, SEEN)
    return held


def spiked(held: BarStore) -> None:
    bars = frame([12, 13, 200], 1e6).assign(reason=["spike", "spike", "negative"])
    held.quarantine("BTC-USD", bars.assign(source="stream", seen_at=pd.Timestamp(SEEN)))


def data(config: Path, *arguments: str) -> int:
    return run(["--config", str(config), "data", *arguments])


def status(config: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    assert data(config, "status", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_status_tells_quiet_minutes_from_missing_ones(
    config: Path, store: BarStore, capsys: pytest.CaptureFixture[str]
) -> None:
    found = status(config, capsys)
    assert found["symbol"] == "BTC-USD"
    assert (found["bars"], found["quiet"], found["missing"], found["gaps"]) == (240, 20, 40, 1)
    assert found["share"] == pytest.approx(0.8)
    assert found["longest"] == {
        "after": "2025-01-31T22:50:00+00:00",
        "before": "2025-01-31T23:31:00+00:00",
        "missing": 40,
    }
    assert (found["first"], found["last"]) == (
        "2025-01-31T22:01:00+00:00",
        "2025-02-01T03:00:00+00:00",
    )
    assert found["bytes"] == store.size("BTC-USD") > 0


def test_status_counts_revisions_and_what_is_held_back(
    config: Path, store: BarStore, capsys: pytest.CaptureFixture[str]
) -> None:
    spiked(store)
    store.write("BTC-USD", frame([100, 101], 90.0), SEEN)
    found = status(config, capsys)
    assert found["quarantined"] == {"spike": 2, "negative": 1}
    assert found["revisions"] == 2
    # Two quiet minutes have a quarantined bar; the third is of a minute with a good one.
    assert (found["quiet"], found["held_back"]) == (18, 2)


def test_status_names_flags_and_bars_that_would_be_refused_today(
    config: Path, store: BarStore, capsys: pytest.CaptureFixture[str]
) -> None:
    still = frame(list(range(301, 320)))
    still.loc[:, ["open", "high", "low", "close"]] = 100.0
    store.write("BTC-USD", pd.concat([still, frame([320], 1e6), frame([321])]), SEEN)
    found = status(config, capsys)
    assert found["doubtful"] == 1
    assert found["flagged"] == {"flat_run": 9}


def test_status_is_a_table_and_names_what_is_not_held(
    config: Path, store: BarStore, capsys: pytest.CaptureFixture[str]
) -> None:
    spiked(store)
    assert data(config, "status") == 0
    out = capsys.readouterr().out
    assert "40 after 2025-01-31 22:50" in out
    assert "2 spike" in out
    assert "80.00%" in out
    assert "No bars yet: " in out


def test_status_shows_a_damaged_symbol_and_goes_on(
    config: Path, store: BarStore, capsys: pytest.CaptureFixture[str]
) -> None:
    store.write("ETH-USD", frame(range(1, 10)), SEEN)
    (store.folder / "ETH-USD/2025-01.parquet").write_bytes(b"PAR1 no more")
    assert data(config, "status") == 0
    out = capsys.readouterr().out
    assert "80.00%" in out
    assert "damaged; run `signal-server data verify`" in out


def test_an_empty_store_has_a_status_too(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert data(config, "status") == 0
    assert "No bars yet: BTC-USD" in capsys.readouterr().out
    assert data(config, "status", "--plot", str(config.parent / "x.png")) == 1
    assert "backfill or import them" in capsys.readouterr().err


def test_the_picture_is_drawn(
    config: Path, store: BarStore, capsys: pytest.CaptureFixture[str]
) -> None:
    store.write("ETH-USD", frame(range(100, 900), 20.0), SEEN)
    path = config.parent / "bars.png"
    assert data(config, "status", "--plot", str(path)) == 0
    assert f"Drawn into {path}" in capsys.readouterr().out
    height, width, _ = imread(path).shape
    assert (width, height) > (1000, 200)


def test_a_single_bar_can_be_drawn(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    BarStore(config.parent / "data/bars", 60).write("BTC-USD", frame([1]), SEEN)
    assert data(config, "status", "--plot", str(config.parent / "bar.png")) == 0
    assert "100.00%" in capsys.readouterr().out


def test_export_writes_what_the_store_holds(
    config: Path, store: BarStore, capsys: pytest.CaptureFixture[str]
) -> None:
    out = config.parent / "out.parquet"
    end = "2025-01-31T23:59"
    assert data(config, "export", "--symbols", "BTC-USD", "--end", end, "--out", str(out)) == 0
    assert "59 bars of 1 symbols" in capsys.readouterr().out
    expected = store.read("BTC-USD", end=datetime.fromisoformat(f"{end}+00:00"))
    written = pd.read_parquet(out).set_index("close_time")
    assert written.pop("symbol").unique().tolist() == ["BTC-USD"]
    pd.testing.assert_frame_equal(written, expected, check_index_type=False)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["export", "--symbols", "XRP-USD", "--out", "x.csv"], "no bars of XRP-USD yet"),
        (["export", "--out", "x.txt"], "must end in .parquet"),
        (["verify", "--symbols", "XRP-USD"], "no bars of XRP-USD yet; backfill or import"),
    ],
)
def test_a_mistake_is_answered_in_one_sentence(
    config: Path,
    store: BarStore,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    assert data(config, *arguments) == 1
    assert sentence in capsys.readouterr().err
    assert store.symbols() == ("BTC-USD",)


def test_quarantine_lists_the_newest_first_with_reason_and_source(
    config: Path, store: BarStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert data(config, "quarantine") == 0
    assert "No bar is held back." in capsys.readouterr().out
    spiked(store)
    assert data(config, "quarantine", "--limit", "2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:5] == ["2025-02-01", "01:20:00", "BTC-USD", "negative", "stream"]
    assert lines[2].split()[3] == "spike"
    assert lines[-1] == "2 of 3 shown"
    assert data(config, "quarantine", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["reason"] for row in rows] == ["negative", "spike", "spike"]
    assert rows[0]["close_time"] == "2025-02-01T01:20:00+00:00"


def test_json_of_the_quarantine_is_valid_whatever_the_values(
    config: Path, store: BarStore, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = frame([5]).assign(high=np.inf, close=np.nan, reason="not_finite", source="rest")
    store.quarantine("BTC-USD", broken.assign(seen_at=pd.Timestamp(SEEN)))
    assert data(config, "quarantine", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert (row["high"], row["close"]) == ("inf", "nan")


def test_verify_names_damaged_files_and_ends_with_an_error(
    config: Path, store: BarStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert data(config, "verify") == 0
    assert "All files of 1 symbols are sound." in capsys.readouterr().out
    path = store.folder / "BTC-USD/2025-01.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert data(config, "verify") == 1
    captured = capsys.readouterr()
    assert "2025-01.parquet" in captured.out
    assert "1 files are damaged; run `signal-server data verify --refetch`" in captured.err
    assert data(config, "verify", "--refetch") == 2
    assert "set SIGNAL_SERVER_POLYGON_API_KEY" in capsys.readouterr().err
    assert path.exists()
