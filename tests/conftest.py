"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# How long a machine takes is measured by `make bench`, and fails no test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
