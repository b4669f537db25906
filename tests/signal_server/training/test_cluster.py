"""Two worker processes train as good a booster as one process."""

import os
import signal
import socket
from dataclasses import replace
from threading import Timer

import dask
import numpy as np
import pytest
from distributed import LocalCluster

from signal_server.core.domain import Direction
from signal_server.core.errors import ModelError
from signal_server.training import cluster
from signal_server.training.model import fit_booster, open_booster, refit_booster
from signal_server.training.splits import split_by_time

WORKERS = 2


@pytest.fixture(scope="module")
def address():
    """The address of a scheduler with two worker processes on loopback."""
    with (
        dask.config.set({"distributed.scheduler.work-stealing": False}),
        LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
        ) as started,
    ):
        yield started.scheduler_address


def _fit(dataset, training):
    split = split_by_time(dataset.time, dataset.known_at, training)
    return fit_booster(dataset, (split.train, split.validation), training, lambda _: None)


def test_two_workers_reached_by_address_fit_as_well_as_one_process(
    address, make_dataset, make_training, monkeypatch
):
    monkeypatch.setattr(cluster, "PIECE_ROWS", 500)
    dataset = make_dataset(momentum=0.5)
    alone, spread = _fit(dataset, make_training()), _fit(dataset, make_training(scheduler=address))
    assert spread.log_loss == pytest.approx(alone.log_loss, abs=3e-3)
    assert open_booster(spread.raw).num_boosted_rounds() == spread.rounds


def test_as_many_workers_give_the_same_bytes(address, make_dataset, make_training):
    dataset, training = make_dataset(momentum=0.5), make_training(scheduler=address)
    assert _fit(dataset, training) == _fit(dataset, training)


def test_a_cluster_of_this_machine_starts_and_ends_with_the_training(make_dataset, make_training):
    training = make_training(scheduler="local", workers=WORKERS, max_rounds=10)
    dataset = make_dataset(momentum=0.5)
    dataset.uniqueness[: len(dataset) // 2] = 0.5
    weighted = training.model_copy(update={"sample_weights": "uniqueness"})
    assert _fit(dataset, weighted).log_loss < np.log(2)


def test_a_refit_is_spread_too(address, make_dataset, make_training):
    raw = refit_booster(
        make_dataset(momentum=0.5), 7, make_training(scheduler=address), lambda _: None
    )
    assert open_booster(raw).num_boosted_rounds() == 7


def test_three_classes_are_spread_too(address, make_dataset, make_training):
    dataset = make_dataset(momentum=0.5)
    labels = np.digitize(dataset.returns, np.quantile(dataset.returns, [0.3, 0.7])).astype(np.int8)
    three = replace(dataset, labels=labels, classes=(Direction.DOWN, Direction.FLAT, Direction.UP))
    assert _fit(three, make_training(scheduler=address)).log_loss < np.log(3)


def test_a_scheduler_that_does_not_answer_is_a_sentence(make_dataset, make_training, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_TIMEOUT_S", 0.3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    training = make_training(scheduler=f"tcp://127.0.0.1:{port}")
    with pytest.raises(ModelError, match="no Dask scheduler answers at tcp://"):
        _fit(make_dataset(), training)


def test_a_worker_that_is_lost_is_a_sentence(make_dataset, make_training, monkeypatch):
    with LocalCluster(
        n_workers=WORKERS, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as started:
        prepare = cluster.parameters

        def kill_and_prepare(*arguments):
            # Named once the rows are about to be dealt out, and dead when they have been.
            victim = next(iter(started.workers.values()))
            Timer(0.3, os.kill, (victim.pid, signal.SIGKILL)).start()
            return prepare(*arguments)

        monkeypatch.setattr(cluster, "parameters", kill_and_prepare)
        training = make_training(
            scheduler=started.scheduler_address, max_rounds=5_000, early_stopping_rounds=5_000
        )
        with pytest.raises(ModelError, match="lost a worker"):
            _fit(make_dataset(momentum=0.5), training)


def test_a_scheduler_without_workers_is_a_sentence(make_dataset, make_training):
    with (
        LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as empty,
        pytest.raises(ModelError, match="has no worker"),
    ):
        _fit(make_dataset(), make_training(scheduler=empty.scheduler_address))
