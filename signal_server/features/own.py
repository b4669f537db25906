"""Your own features: write one function like this here, and it belongs to the set "pooled".

    import numpy as np

    from signal_server.features.feature import Group, Mirror, Unit, feature
    from signal_server.features.indicators import Indicators
    from signal_server.features.windows import Array


    @feature(Group.OWN, ("high", "low"), 20, unit=Unit.SHARE, mirror=Mirror.SAME)
    def spread_20(of: Indicators) -> Array:
        \"\"\"Mean log range of 20 bars.\"\"\"
        spread = of.define("log_spread", lambda of: np.log(of.high / of.low))
        return of.sma(spread, 20)

The function uses elementwise numpy and what `of` offers, nothing else; then it runs over all of
history and live alike. docs/features.md says what to do next.
"""
