"""Withholding small counts, so that they do not follow from the others and their total. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

Key = TypeVar("Key")


def withhold(counts: Mapping[Key, int], smallest: int) -> dict[Key, int | None]:
    """The counts, with None for every one from 1 to one less than `smallest`.

    Where there is one, more are withheld, the smallest first, until at least two are and together they are no small
    count either: whoever knows the total learns nothing of one of them. Zero points at nobody.
    """
    hidden = [key for key, count in counts.items() if 0 < count < smallest]
    more = sorted((key for key, count in counts.items() if count >= smallest), key=lambda key: counts[key])
    more += [key for key, count in counts.items() if not count]
    while (
        hidden
        and more
        and (len(hidden) < 2 or (counts[more[0]] and sum(counts[key] for key in hidden) < smallest))
    ):
        hidden.append(more.pop(0))
    return {key: None if key in hidden else count for key, count in counts.items()}
