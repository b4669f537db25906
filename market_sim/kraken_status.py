"""Whether Kraken is open, as its system's status tells."""

from market_sim.faults import FaultName, FaultSwitch

_STATES = (
    (FaultName.KRAKEN_MAINTENANCE, "maintenance"),
    (FaultName.KRAKEN_CANCEL_ONLY, "cancel_only"),
    (FaultName.KRAKEN_POST_ONLY, "post_only"),
)


def system_status(faults: FaultSwitch) -> str:
    """Return what SystemStatus and the streams say of Kraken now."""
    for name, status in _STATES:
        if faults.active(name) is not None:
            return status
    return "online"
