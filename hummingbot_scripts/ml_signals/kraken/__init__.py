"""Hummingbot's Kraken connector, made careful where it loses money."""
