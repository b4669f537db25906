"""Generated gRPC code of protos/signals/v1; made by `make proto`, never edited."""
