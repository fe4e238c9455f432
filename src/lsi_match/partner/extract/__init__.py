"""Extracts: CSV, Parquet and databases, opened as a table of declared columns."""
