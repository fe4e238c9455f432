"""What `partner prepare` tells of values of no use is in words, in both languages."""

from __future__ import annotations

import pytest

from lsi_match.cli import console, partner
from lsi_match.manifest.identifiers import PERSON_PARTS, IdentifierKind, InvalidReason


@pytest.mark.parametrize("language", ["nl", "en"])
def test_every_reason_of_every_kind_and_field_is_in_words_of_its_own(
    monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setattr(console, "language", lambda: language)
    names = [f"{what}_{reason}" for what in (*IdentifierKind, *PERSON_PARTS) for reason in InvalidReason]
    told = {partner.useless(name) for name in names}
    assert len(told) == len(set(names))
    assert not any("_" in text or text.startswith(":") for text in told)


def test_the_words_are_those_of_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "language", lambda: "nl")
    assert partner.useless("bsn_check_failed") == "BSN: voldoet niet aan de elfproef"
    assert partner.useless("birth_date_missing") == "geboortedatum: leeg"
    monkeypatch.setattr(console, "language", lambda: "en")
    assert partner.useless("house_number_wrong_shape") == "house number: wrong form"
