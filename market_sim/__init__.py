"""Local stand-ins for Polygon.io and Kraken over real sockets, for the demo, tests and benchmarks."""
