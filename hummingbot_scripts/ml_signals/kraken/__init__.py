"""Hummingbot's Kraken connector, made careful where it loses money."""

from .connector import install

__all__ = ["install"]
