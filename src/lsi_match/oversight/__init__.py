"""Reading and verifying the log, the state of rounds, reports, and pages about manifests and trust roots.

For stewards, the project leader and the FG. Nothing here can open a drop or a release, and nothing here
believes the matcher: what the matcher states is recomputed or verified with keys that the reader brings.
"""
