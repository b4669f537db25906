"""Rows on disk are the rows in memory, and training on them gives as good a model."""

from dataclasses import replace

import numpy as np
import pytest
from filelock import FileLock

from signal_server.features.catalogue import feature_names
from signal_server.training import external
from signal_server.training.dataset import build_dataset
from signal_server.training.external import dataset_on_disk, pages_of
from signal_server.training.model import fit_booster
from signal_server.training.splits import split_by_time
from signal_server.training.train import dataset_spec, train
from signal_server.training.weights import row_weights


@pytest.fixture
def small_pages(monkeypatch):
    """Let a page have so few rows that a test needs several."""
    monkeypatch.setattr(external, "PAGE_ROWS", 700)


def _bars(make_bars):
    late = make_bars(momentum=0.5, count=3000, seed=3).iloc[1000:]
    return {
        "ETH-USD": make_bars(momentum=0.5, count=3000, seed=2),
        "BTC-USD": make_bars(momentum=0.5, count=3000),
        "SUI-USD": late,
    }


def _fit(dataset, training):
    split = split_by_time(dataset.time, dataset.known_at, training)
    return fit_booster(dataset, (split.train, split.validation), training, lambda _: None)


@pytest.mark.usefixtures("small_pages")
def test_a_dataset_on_disk_is_the_one_in_memory(make_bars, make_spec, tmp_path):
    bars, seen = _bars(make_bars), []
    spec = dataset_spec(make_spec(), feature_names("six", trade_counts=False))
    expected = build_dataset(bars, spec, lambda _: None)
    with dataset_on_disk(bars, spec, tmp_path / "scratch", seen.append) as found:
        assert np.array_equal(found.features, expected.features, equal_nan=True)
        assert np.array_equal(found.labels, expected.labels)
        assert found.time.equals(expected.time)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_nothing_stays_on_disk(make_bars, make_spec, tmp_path):
    train(
        {"BTC-USD": make_bars(count=3000)},
        replace(make_spec(external_memory=True, refit=True), scratch=tmp_path),
        lambda _stage, _share: None,
    )
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_what_a_killed_training_left_goes_with_the_next_and_what_lives_stays(
    make_bars, make_spec, tmp_path
):
    dead, alive = tmp_path / "rows-dead", tmp_path / "rows-alive"
    for folder in (dead, alive):
        folder.mkdir()
        (folder / "features.f32").write_bytes(b"rows")
    spec = dataset_spec(make_spec(), feature_names("six", trade_counts=False))
    with (
        FileLock(alive / ".lock"),
        dataset_on_disk(_bars(make_bars), spec, tmp_path, lambda _: None),
    ):
        assert not dead.exists()
    assert (alive / "features.f32").exists()


@pytest.mark.usefixtures("small_pages")
def test_training_on_pages_is_repeatable_and_as_good(make_dataset, make_training):
    dataset = make_dataset(momentum=0.5)
    paged = [_fit(dataset, make_training(external_memory=True)) for _ in range(2)]
    assert paged[0] == paged[1]
    assert paged[0].log_loss == pytest.approx(_fit(dataset, make_training()).log_loss, abs=3e-3)


@pytest.mark.usefixtures("small_pages")
def test_pages_carry_labels_and_weights(make_dataset, make_training):
    dataset = make_dataset()
    dataset.uniqueness[:] = np.linspace(0.2, 0.6, len(dataset))
    rows = np.arange(100, 2100)
    training = make_training(external_memory=True, sample_weights="uniqueness")
    with pages_of(dataset, training) as pages:
        matrix = pages.matrix(rows, None)
        assert np.array_equal(matrix.get_label(), dataset.labels[rows])
        assert np.array_equal(matrix.get_weight(), row_weights(dataset.uniqueness[rows]))
        del matrix


def test_a_model_trained_from_disk_is_validated_as_another(make_bars, make_spec, tmp_path):
    bars = _bars(make_bars)
    found = train(bars, make_spec(), lambda _stage, _share: None).card
    spec = replace(make_spec(external_memory=True), scratch=tmp_path)
    paged = train(bars, spec, lambda _stage, _share: None).card
    assert paged.windows == found.windows
    assert paged.data_fingerprint == found.data_fingerprint
    assert paged.validation.log_loss == pytest.approx(found.validation.log_loss, abs=0.01)
