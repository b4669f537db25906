"""Whether Kraken is open, as its system's status tells."""

from market_sim.faults import ANYWHERE, FaultName, FaultSwitch, Where

_STATES = (
    (FaultName.KRAKEN_MAINTENANCE, "maintenance"),
    (FaultName.KRAKEN_CANCEL_ONLY, "cancel_only"),
    (FaultName.KRAKEN_POST_ONLY, "post_only"),
)


def system_status(faults: FaultSwitch, where: Where = ANYWHERE) -> str:
    """Return what SystemStatus and the streams say of Kraken now, or AssetPairs of a pair."""
    for name, status in _STATES:
        if faults.active(name, where) is not None:
            return status
    return "online"
