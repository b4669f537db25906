"""Predictions from live bars, served over gRPC."""
