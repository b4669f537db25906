"""Live predictions and the gRPC server that hands them out and takes trades in."""
