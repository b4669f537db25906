"""The gRPC server, and when its model counts as drifted."""

from typing import Annotated

from pydantic import Field

from signal_server.core.section import Positive, Section, Share


class DriftConfig(Section):
    """When the serving model counts as drifted: people are warned, or bots are told to stop buying.

    Inputs and confidence are those of the bars of the last `window_s`; accuracy is that of the
    newest `max_outcomes` calls whose horizons do not overlap.
    """

    window_s: Positive = 86_400
    min_rows: Positive = 500
    max_rows: Positive = 2000
    warn_psi: Annotated[float, Field(gt=0)] = 0.25
    min_outcomes: Positive = 100
    max_outcomes: Positive = 400
    warn_accuracy: Share = 0.50
    halt_accuracy: Share = 0.45


class ServingConfig(Section):
    """The gRPC server, its models, and when their signals expire.

    A bar waits at most `leader_wait_s` for those of the leaders that its features need.
    """

    host: str
    port: Annotated[int, Field(ge=0, le=65535)]
    profile: str
    signal_valid_s: Annotated[float, Field(gt=0)]
    max_bar_delay_s: Annotated[float, Field(gt=0)]
    heartbeat_s: Annotated[float, Field(gt=0, le=10)]
    accuracy_outcomes: Positive
    leader_wait_s: Annotated[float, Field(ge=0)] = 2.0
    drift: DriftConfig = DriftConfig()
