"""The feature catalogue: causal functions of final bars."""
