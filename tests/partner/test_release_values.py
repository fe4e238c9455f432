"""What a release may hold is what the manifest lists, whoever wrote it."""

from __future__ import annotations

import polars as pl
import pytest
from handmade import document, selection

from lsi_match.manifest import Manifest
from lsi_match.partner.release.open import ReleaseUnlistedError, check_listed

GOOD = {"selection": 0, "uwv.sinds": "2026-05", "uwv.soort": "WW; Z.W", "uwv.bedrag": "100 tot 200"}


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


def release(**changes: object) -> pl.DataFrame:
    row = {"case_id": b"1" * 16, "reference": b"2" * 16, "uwv": True, **GOOD, **changes}
    return pl.DataFrame([row])


def test_what_is_listed_passes_alone_together_and_absent() -> None:
    check_listed(agreed(), "svb", "x", release())
    check_listed(
        agreed(),
        "svb",
        "x",
        release(**{"uwv.sinds": "", "uwv.soort": "Z.W", "uwv.bedrag": "200 of meer; minder dan 100"}),
    )


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("uwv.soort", "Jansen, Dorpsstraat 1"),
        ("uwv.soort", "WW; Jansen"),
        ("uwv.soort", "WW;ZW"),
        ("uwv.soort", "ZxW"),
        ("uwv.soort", "WW\n"),
        ("uwv.soort", '=HYPERLINK("x")'),
        ("uwv.sinds", "2026-13"),
        ("uwv.sinds", "2026-05-01"),
        ("uwv.bedrag", "150"),
        ("selection", 1),
    ],
)
def test_what_is_not_listed_refuses_the_release_and_is_not_shown(column: str, value: object) -> None:
    with pytest.raises(ReleaseUnlistedError) as refused:
        check_listed(agreed(), "svb", "x.release.json", release(**{column: value}))
    assert refused.value.facts["column"] == column
    assert str(value) not in refused.value.text("nl") or value == 1
