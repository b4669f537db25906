"""Training spread over the workers of a Dask cluster, on this machine or on others.

Every worker runs code that this process sends it: use a scheduler that only you can reach.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import dask
import dask.array as da
import numpy as np
import xgboost as xgb
from distributed import Client, KilledWorker, LocalCluster
from distributed.client import FutureCancelledError
from numpy.typing import NDArray
from xgboost import dask as xgb_dask

from signal_server.core.errors import ModelError
from signal_server.core.training_config import TrainingConfig
from signal_server.training.dataset import Dataset
from signal_server.training.mirroring import Lesson, lesson_of
from signal_server.training.parameters import parameters, weights_of
from signal_server.training.splits import Part

PIECE_ROWS = 200_000
CONNECT_TIMEOUT_S = 10
LOCAL = "local"


def boost_on_cluster(
    dataset: Dataset, parts: tuple[Part, ...], training: TrainingConfig, rounds: int
) -> xgb.Booster:
    """Fit on the first of `parts`, and stop early by the second where there is one.

    The rows are dealt out to the workers, and each adds up the gradients of its own. As many
    workers give the same bytes again, unless the cluster moves rows between them; one process
    rounds its sums otherwise, and its booster is as good but not the same to the bit. Raises
    `ModelError` when the cluster cannot be reached, has no worker or loses one.
    """
    with _losses_told(training), _client(training) as client:
        chosen = parameters(dataset, len(parts[0].rows), training)
        del chosen["nthread"]
        fit_on = _matrix(client, dataset, parts[0], training)
        stop_on = [_matrix(client, dataset, part, training, bins_of=fit_on) for part in parts[1:]]
        trained = xgb_dask.train(
            client,
            chosen,
            fit_on,
            num_boost_round=rounds,
            evals=[(matrix, "validation") for matrix in stop_on],
            early_stopping_rounds=training.early_stopping_rounds if stop_on else None,
            verbose_eval=False,
        )
        return trained["booster"]


@contextmanager
def _losses_told(training: TrainingConfig) -> Iterator[None]:
    """Say that the cluster broke: the rows of a worker that is lost are gone with it."""
    try:
        yield
    except (FutureCancelledError, KilledWorker, OSError, TimeoutError) as error:
        raise ModelError(
            f"the Dask cluster ({training.scheduler}) lost a worker or its scheduler while it "
            "trained; see that all run, and train again"
        ) from error


@contextmanager
def _client(training: TrainingConfig) -> Iterator[Client]:
    if training.scheduler != LOCAL:
        with _connected(training.scheduler) as client:
            yield client
        return
    with (
        dask.config.set({"distributed.scheduler.work-stealing": False}),
        LocalCluster(
            n_workers=training.workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def _connected(address: str) -> Client:
    try:
        client = Client(address, timeout=CONNECT_TIMEOUT_S)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"no Dask scheduler answers at {address}; start one with `dask scheduler`, "
            "or set training.scheduler to none"
        ) from error
    if not client.nthreads():
        client.close()
        raise ModelError(f"{address} has no worker; start some with `dask worker {address}`")
    return client


def _matrix(
    client: Client,
    dataset: Dataset,
    part: Part,
    training: TrainingConfig,
    *,
    bins_of: xgb_dask.DaskQuantileDMatrix | None = None,
) -> xgb_dask.DaskQuantileDMatrix:
    lessons = _lessons(dataset, part, len(client.nthreads()), training)
    weights = [lesson.weights for lesson in lessons if lesson.weights is not None]
    return xgb_dask.DaskQuantileDMatrix(
        client,
        _dealt(client, [lesson.features for lesson in lessons]),
        _dealt(client, [lesson.labels for lesson in lessons]),
        weight=_dealt(client, weights) if weights else None,
        ref=bins_of,
    )


def _lessons(dataset: Dataset, part: Part, workers: int, training: TrainingConfig) -> list[Lesson]:
    weights = weights_of(dataset, part.rows, training)
    places = _pieces(np.arange(len(part.rows), dtype=np.int64), workers)
    return [
        lesson_of(dataset, part.rows[piece], None if weights is None else weights[piece], training)
        for piece in places
    ]


def _pieces(rows: NDArray[np.int64], workers: int) -> list[NDArray[np.int64]]:
    """Cut rows into as many pieces for each worker, of 200,000 at most."""
    rounds = -(-len(rows) // (PIECE_ROWS * workers))
    return np.array_split(rows, rounds * workers)


def _dealt(client: Client, pieces: list[NDArray[Any]]) -> da.Array:
    """Send each worker every n-th piece, and return all as one array."""
    workers = cycle(sorted(client.nthreads()))
    held = [
        client.scatter(piece, workers=[worker], hash=False)
        for piece, worker in zip(pieces, workers, strict=False)
    ]
    arrays = [
        da.from_delayed(future, shape=piece.shape, dtype=piece.dtype)
        for future, piece in zip(held, pieces, strict=True)
    ]
    return da.concatenate(arrays)
