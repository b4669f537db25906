"""Paper trading on Kraken: the live connector, its account played by this process."""
