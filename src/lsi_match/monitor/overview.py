"""Counts per group at every stage, with small cells withheld before anyone reads them."""

from __future__ import annotations

from typing import Literal

from lsi_match.base.validation import Closed


class Overview(Closed):
    """What project leader and FG see of a round: counts only.

    `delivered` (records per partner) and `totals` are counts of a whole, exact as in the log (ADR 0027). In `groups`
    None is a withheld cell, and `subjects` are rounded to twice the smallest cell (ADR 0090).
    """

    format: Literal["lsi-match/overview/v1"] = "lsi-match/overview/v1"
    project: str
    manifest: str
    round: str
    smallest_cell: int
    #: None in documents of before ADR 0027 only.
    delivered: dict[str, int | None]
    totals: dict[str, int | None]
    groups: dict[str, dict[str, int | None]]
