"""Measurements: each states its data, machine and command, and a floor or peer of the same run."""
