"""Your own features: write one function here, and it belongs to the set "pooled".

    @feature(Group.OWN, ("high", "low", "close"), 20, unit=Unit.SHARE)
    def spread_20(of: Indicators) -> Array:
        \"\"\"mean range of 20 bars as a share of the close\"\"\"
        return of.sma("spread", 20) / of.close

The function uses elementwise numpy and what `of` offers, nothing else; then it runs over all of
history and live alike. The tests of the catalogue hold it to its warm-up, to the past alone, and
to live values equal to the batch's. A model must be trained again to use it.
"""
