"""The `signal-server` command: the only place that wires everything."""
