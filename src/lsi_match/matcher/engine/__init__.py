"""The join: re-keyed pseudonyms in DuckDB, bucket by bucket, over threads, processes or a cluster."""
