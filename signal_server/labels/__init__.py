"""Labels: the only thing that looks forward."""

from signal_server.labels.horizon import threshold_bps
from signal_server.labels.kinds import classes, make_labels

__all__ = ["classes", "make_labels", "threshold_bps"]
