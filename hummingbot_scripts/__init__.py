"""What Hummingbot loads: the ML signal script and its package. Never imports the server."""
