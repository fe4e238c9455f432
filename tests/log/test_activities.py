"""The register of processing activities: an address for every step, another one for another manifest."""

from __future__ import annotations

import handmade

from lsi_match.base.canonical import canonical_json
from lsi_match.log.activities import register
from lsi_match.log.steps import Step


def test_every_step_has_one_address_and_it_is_absolute() -> None:
    found = register(handmade.manifest())["activities"]
    addresses = {one["id"] for one in found}
    assert len(addresses) == len(found) == len(Step)
    assert all(one.startswith("https://koppel.example/register/proef/") for one in addresses)


def test_the_same_manifest_gives_the_same_register_and_another_version_other_addresses() -> None:
    one, other = handmade.manifest(), handmade.manifest(rule="partners >= 3")
    assert canonical_json(register(one)) == canonical_json(register(one))
    first, second = ({a["id"] for a in register(m)["activities"]} for m in (one, other))
    assert first.isdisjoint(second)


def test_it_names_categories_and_no_values_of_steps_that_touch_persons() -> None:
    found = {one["step"]: one for one in register(handmade.manifest())["activities"]}
    assert "data" not in found["open round"]
    assert set(found["intake"]["data"]) == set(handmade.PARTNERS)
    assert (
        "signaal: waarom de organisatie dit record uitkoos" in found["intake"]["data"][handmade.PARTNERS[0]]
    )
    assert "Hoog bedrag" not in str(found), "the name of a signal says what a criterion looks for"
    assert found["release"]["recipients"]
    assert found["match"]["recipients"] == []
