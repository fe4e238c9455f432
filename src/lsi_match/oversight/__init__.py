"""Reading and verifying the log, reports, the public pages and register entries.

For stewards, the project leader and the FG. Nothing here can open a drop or a release, and nothing here
believes the matcher: what the matcher states is recomputed or verified with keys that the reader brings.
"""
