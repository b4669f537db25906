"""Foundations: domain records, errors, configuration and the clock."""
