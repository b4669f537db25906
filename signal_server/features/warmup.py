"""After how many bars an average has forgotten where it started."""

_EMA_DECAY = 28
"""exp(-28) is 7e-13: what an average's start may weigh after its warm-up."""

_WILDER_DECAY = 40
"""exp(-40) is 4e-18: the same beside averages that have themselves fallen to the negligible."""

_TWICE_DECAY = 5
"""What smoothing twice adds: n exp(-n) is under exp(-40) from n = 45 on."""


def ema_warmup_bars(length: int) -> int:
    """Return after how many bars an EMA has forgotten where it started."""
    return length + _EMA_DECAY * (length + 1) // 2


def wilder_warmup_bars(length: int, *, twice: bool = False) -> int:
    """Return after how many bars Wilder's smoothing, or it done twice, has forgotten its start."""
    again = length * (1 + _TWICE_DECAY) if twice else 0
    return length + _WILDER_DECAY * length + again
