"""What a new version must reach before it may replace the one in use."""

from collections.abc import Sequence

from signal_server.core.config import GatesConfig
from signal_server.training.validation import Validation
from signal_server.training.verdict import MIN_CONFIDENCE


def objections(
    validation: Validation, gates: GatesConfig, findings: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return one sentence for every gate that the model fails; empty when it passes all.

    `findings` are those of an audit of the code and data that the model was made of.
    """
    return (
        *_of_confident_calls(validation, gates),
        *_of_calibration(validation, gates),
        *(f"the audit found: {finding}" for finding in findings),
    )


def _of_confident_calls(validation: Validation, gates: GatesConfig) -> tuple[str, ...]:
    confident = validation.confident
    level = f"at confidence {MIN_CONFIDENCE:.2f} and above"
    trades = 0 if confident is None else confident.trades
    found = []
    if trades < gates.min_trades:
        found.append(f"{trades:,} trades {level}, fewer than {gates.min_trades:,}")
    if confident is not None and confident.accuracy.value <= gates.min_accuracy:
        right = f"{confident.accuracy.value:.2%} right {level}"
        found.append(f"{right}, not above {gates.min_accuracy:.2%}")
    return tuple(found)


def _of_calibration(validation: Validation, gates: GatesConfig) -> tuple[str, ...]:
    error = validation.calibration_error
    if error <= gates.max_calibration_error:
        return ()
    return (f"calibration error {error:.2%}, above {gates.max_calibration_error:.2%}",)
