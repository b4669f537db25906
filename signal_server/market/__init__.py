"""Market data: vendor history and live stream in, final bars out."""
