"""The parts of the bar store: files, Parquet, live bars, the writer's lease, checks, export."""
