"""What every room stands on: errors, files, canonical JSON, YAML with positions, DuckDB locked down, memory.

Nothing of the domain belongs here, and nothing here imports another room.
"""
