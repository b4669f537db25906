"""History by flat files: whole days of all symbols, from the vendor's S3 or from a folder."""
