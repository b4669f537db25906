"""The picture of the bars held: nothing missing is hidden by its smallness."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from signal_server.market.timeline import Timeline, edges_between
from signal_server.reports.data_picture import NO_TRADES, draw_data, save_data_picture
from signal_server.reports.drawing import BAD, GOOD

START = datetime(2025, 1, 1, tzinfo=UTC)
EDGES = edges_between(START, START + timedelta(days=1), 4)


def timeline(present: list[float], quiet: list[float], missing: list[float]) -> Timeline:
    price = np.where(np.array(present) > 0, 100.0, np.nan)
    shares = (np.array(values, dtype=float) for values in (present, quiet, missing))
    return Timeline("BTC-USD", *shares, price, 100)


def colours(line: Timeline) -> np.ndarray:
    (strip,) = draw_data([line], EDGES).axes[0].images
    return np.asarray(strip.get_array())[0]


def test_each_piece_has_the_colour_of_what_it_holds() -> None:
    found = colours(timeline([1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]))
    for piece, colour in enumerate((GOOD, NO_TRADES, BAD)):
        np.testing.assert_allclose(found[piece], [*to_rgb(colour), 1.0])
    assert found[3][3] == 0.0


def test_one_missing_bar_of_thousands_can_be_seen() -> None:
    whole, holed, *_ = colours(timeline([1, 0.9999, 1, 1], [0, 0, 0, 0], [0, 0.0001, 0, 0]))
    assert np.abs(whole - holed).max() > 0.2


@pytest.mark.parametrize("rows", [1, 3])
def test_every_symbol_has_a_row_and_a_name(rows: int) -> None:
    axes = draw_data([timeline([1, 1, 0, 1], [0] * 4, [0, 0, 1, 0])] * rows, EDGES).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["BTC-USD"] * rows
    assert len(axes.images) == rows


def test_the_file_is_a_picture_and_nothing_else_is_left(tmp_path: Path) -> None:
    save_data_picture([timeline([1, 1, 1, 1], [0] * 4, [0] * 4)], EDGES, tmp_path / "a.png")
    assert imread(tmp_path / "a.png").size > 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
