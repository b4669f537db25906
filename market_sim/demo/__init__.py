"""The whole loop on one machine, offline: stand-ins, backfill, training, serving, trading, report."""
