"""The soak of market data: real consumers against Polygon's stand-in in a storm."""
