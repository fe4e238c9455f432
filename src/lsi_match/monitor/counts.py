"""Counts per group at every stage, with small cells withheld before anyone reads them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Overview(BaseModel):
    """What project leader and FG see of a round: counts only. `None` is a withheld cell."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["lsi-match/overview/v1"] = "lsi-match/overview/v1"
    project: str
    manifest: str
    round: str
    smallest_cell: int
    delivered: dict[str, int | None]
    totals: dict[str, int | None]
    groups: dict[str, dict[str, int | None]]


def withheld(count: int, smallest_cell: int) -> int | None:
    """The count, or None where it is so small that it points at people. Zero points at nobody."""
    return None if 0 < count < smallest_cell else count
