"""What a release may hold is what the manifest lists, whoever wrote it."""

from __future__ import annotations

import polars as pl
import pytest
from handmade import document, selection
from refusals import raises

from lsi_match.manifest import Manifest
from lsi_match.partner.release.open import check_listed


def agreed() -> Manifest:
    first = selection(
        attributes=[
            {"id": "sinds", "field": "begin", "kind": "month", "rationale": "Wie kort geleden begon."},
            {
                "id": "soort",
                "field": "soort",
                "kind": "listed",
                "values": ["WW", "Z.W"],
                "rationale": "Welke regels.",
            },
            {"id": "bedrag", "field": "bedrag", "kind": "band", "edges": [100, 200], "rationale": "Hoeveel."},
        ]
    )
    release = {"uwv": {}, "svb": {"attributes_of": ["uwv"]}}
    return Manifest.model_validate(document({"uwv": [first], "svb": [selection()]}, release=release))


def attributes(**changes: int) -> dict[str, pl.DataFrame]:
    places = {"sinds": 2026 * 12, "soort": 1, "bedrag": 2, **changes}
    return {"uwv": pl.DataFrame({f"attribute_{name}": [place] for name, place in places.items()})}


def check(selection: int = 0, **changes: int) -> None:
    check_listed(
        agreed(), "svb", "x.release.json", pl.DataFrame({"selection": [selection]}), attributes(**changes)
    )


def test_what_is_listed_passes_and_so_does_no_value() -> None:
    check()
    check(sinds=5000 * 12 + 11, soort=65_535, bedrag=0)


@pytest.mark.parametrize(
    ("column", "place"),
    [("soort", 2), ("soort", 65_534), ("bedrag", 3), ("sinds", 5001 * 12), ("selection", 1)],
)
def test_what_is_not_listed_refuses_the_release_and_is_not_shown(column: str, place: int) -> None:
    with raises("ReleaseUnlistedError") as refused:
        check(**{column: place})
    assert refused.value.facts["column"] == (column if column == "selection" else f"uwv.{column}")
    assert str(place) not in refused.value.text("nl") or place == 1
