"""The SQLite trade log."""
