"""Turn Polygon.io crypto bars into calibrated, expiring trading signals served over gRPC."""

__version__ = "0.1.0"
