"""Local stand-ins for Polygon.io and Kraken over real sockets: for demo, tests and benchmarks."""
