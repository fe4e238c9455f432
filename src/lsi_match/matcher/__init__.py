"""The matching environment: gates, intake, match, cases, release, destruction.

Sees pseudonyms only, and may not import what derives them. DuckDB lives here; Prefect does not (`flows/`).
"""
