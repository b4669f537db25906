"""Paper trading on Kraken: the live connector, its account played by this process."""

from .connector import PaperKraken, account_path, install

__all__ = ["PaperKraken", "account_path", "install"]
