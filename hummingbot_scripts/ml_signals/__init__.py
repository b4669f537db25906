"""Rules, signal client, journal and paper exchange of the ML signal script."""
