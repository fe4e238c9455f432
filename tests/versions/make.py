"""Makes the data of a version: `PYTHONPATH=src:. python tests/versions/make.py FOLDER`, with the program and tests of that version.

Pack what it makes as `tests/versions/<version>.tar.xz`, with one folder in it. Kept for ever: it is what that version wrote.
0.1 was made at commit 15a0427, and 0.2 (before parties had a key for the log) at the one before 3e4b463.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))


def main() -> None:
    """A weekly project: one round was released, of another two partners delivered, and everybody fetched."""
    from operation import MONDAY, PARTNERS, ROUND, days, weekly

    made = weekly(Path(sys.argv[1]))
    made.reconcile()
    for partner in PARTNERS:
        made.deliver(partner, ROUND)
    made.reconcile()
    made.fetch("uwv")
    made.clock.to(MONDAY + days(7))
    made.reconcile()
    for partner in PARTNERS[:2]:
        made.deliver(partner, "2026-06-15")
    made.reconcile()
    for partner in PARTNERS:
        made.fetch(partner)


if __name__ == "__main__":
    main()
