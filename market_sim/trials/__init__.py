"""Real Hummingbot against the stand-ins: a matrix of faults, kill points, and a soak by seed."""
