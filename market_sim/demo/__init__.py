"""The whole loop on one machine, offline, from the stand-ins to the report."""
