"""The text that controllers sign for: what is in it, and that the approval binds it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from handmade import NOW, dimension, document, manifest, selection
from homes import Homes
from pydantic import ValidationError

from lsi_match.agreement.approvals import STATEMENT, approve
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import Language
from lsi_match.cli.main import run
from lsi_match.crypto.signing import peek
from lsi_match.manifest import Manifest
from lsi_match.manifest.person_keys import PERSON_KEYS
from lsi_match.protocol.documents import Approval
from lsi_match.reports.approval_page import approval_text

PROSE = "Deze regeling geldt volgens de wet alleen voor mensen vanaf een bepaalde leeftijd; er is geen andere weg."
Draft = dict[str, Any]
LANGUAGES: tuple[Language, ...] = ("nl", "en")


def changed(change: Callable[[Draft], object]) -> Manifest:
    value = document()
    change(value)
    return Manifest.model_validate(value)


def ground(draft: Draft) -> None:
    draft["characteristics"] = {
        "leeftijd": {"kind": "ground", "label": "Leeftijd", "legal_basis": "Artikel 1", "rationale": PROSE},
        "ongebruikt": {"kind": "proxy", "label": "Postcode", "rationale": PROSE + " Ook hier."},
    }
    first = selection()
    first["fields"]["begin"]["characteristic"] = "leeftijd"
    first["criteria"].append({"id": "oud", "when": "begin < DATE '1960-01-01'", "rationale": "De regeling."})
    draft["partners"]["uwv"]["selections"] = [first]


def test_it_names_the_responsibility_the_manifest_and_every_criterion_with_its_reason() -> None:
    agreed = manifest()
    for lang in ("nl", "en"):
        text = approval_text(agreed, STATEMENT, lang, None)
        assert agreed.digest in text
        assert agreed.work_instruction.digest in text
        assert text.count("Alleen wat loopt.") == len(agreed.partners)
        assert {"nl": "Wij hebben dit manifest en de werkinstructie gelezen.", "en": STATEMENT}[lang] in text
    assert "first version" in text


def rich() -> Draft:
    """A manifest in which every member has a value of its own."""
    first = selection(
        attributes=[
            {
                "id": "sinds",
                "field": "begin",
                "kind": "month",
                "use": "both",
                "rationale": "Wie kort geleden begon.",
            },
            {
                "id": "soort",
                "field": "soort",
                "kind": "listed",
                "values": ["WW", "ZW"],
                "rationale": "Welke regels.",
            },
            {
                "id": "bedrag",
                "field": "bedrag",
                "kind": "band",
                "edges": [100, 20000],
                "rationale": "Hoe veel.",
            },
            {"id": "loopt", "field": "actief", "kind": "boolean", "rationale": "Of het nog loopt."},
        ],
        person={"surname": "naam", "birth_date": "dag"},
    )
    first["fields"] |= {
        "naam": {"type": "text", "meaning": "Achternaam"},
        "dag": {"type": "date", "meaning": "Geboren"},
    }
    first["fields"]["bedrag"]["characteristic"] = "inkomen"
    draft = document(
        {"uwv": [first], "svb": [selection()]},
        rule="svb_records >= 2 AND date_diff('month', uwv_sinds_last, peildatum) <= 6",
        dimensions=[dimension() | {"baseline": "oud"}, dimension("actief", "werk") | {"role": "legitimate"}],
    )
    draft["subject"]["person_keys"] = [next(iter(PERSON_KEYS))]
    draft["match"]["records_of"] = ["svb"]
    draft["release"]["cosignatures"] = 1
    draft["release"]["to"]["svb"]["attributes_of"] = ["uwv"]
    draft["characteristics"] = {
        "inkomen": {
            "kind": "proxy",
            "label": "Inkomen",
            "rationale": PROSE,
            "legal_basis": "Artikel 3 van een wet",
        }
    }
    draft["dpo_advice"]["uwv"] |= {"answer": "Dat is gedaan.", "characteristics": ["inkomen"]}
    cells = [f"{a}|{b}" for a in ("jong", "oud") for b in ("jong", "oud")]
    draft["monitor"] |= {
        "reference": {
            "source": "Een tabel",
            "counts": {c: 100 + i for i, c in enumerate(cells)},
            "sampled": True,
            "rounded_to": 5,
        }
    }
    draft["monitor"] |= {"tolerance": 1.5, "confidence": 0.9, "looks": 6, "hold_on_too_little": True}
    draft["schedule"] |= {
        "opens": "0 6 1 * *",
        "timezone": "Europe/Amsterdam",
        "rounds_at_most": 4,
        "remind_days": [3, 1],
    }
    return draft


#: What nobody reads: keys, and what follows from their form. The digest of the work instruction stands in the head.
UNREAD = {"format", "signing_key", "encryption_key", "key_check", "scheme", "digest"}


def leaves(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    )
    if items is None:
        yield at
    else:
        for name, inner in items:
            yield from leaves(inner, (*at, name))


def others(value: Any, name: object) -> Iterator[Any]:
    """Other values that may fit in the place of one."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (value + 1, value - 1, value + 0.05)
    elif name in ("when", "rule"):
        yield from (
            value.replace("actief", "NOT actief"),
            value.replace(">=", ">"),
            value.replace("< 6", "< 7"),
            value.replace("> ", "< "),
        )
    else:
        yield from {
            "wait": ["refuse"], "theme": ["neighbourhood"], "person": ["address"], "positive": ["negative"], "proxy": ["ground"],
            "protected": ["legitimate"], "legitimate": ["protected"], "both": ["rule"], "release": ["both"], "band": [], "text": [],
            "2026-01-01": ["2026-01-02"], "2026-12-31": ["2026-12-30"], "plain": ["loonheffing"], "Europe/Amsterdam": ["Europe/Paris"],
            "0 6 1 * *": ["0 7 1 * *"],
            "oud": ["jong"], "register": [],
        }.get(value, [])  # fmt: skip
        yield from (value + "x", value[:-1] + ("7" if value[-1:] != "7" else "8"))


def test_whatever_is_changed_in_a_manifest_changes_what_is_signed() -> None:
    """Every member of the manifest has words in the statement, of its own, in both languages."""
    draft = rich()
    whole = Manifest.model_validate(draft)
    before = {lang: body(whole, lang) for lang in LANGUAGES}
    fixed = []
    for place in leaves(draft):
        if place[-1] in UNREAD:
            continue
        changed = copy.deepcopy(draft)
        inside = changed
        for step in place[:-1]:
            inside = inside[step]
        old, tried = inside[place[-1]], False
        for other in others(old, place[-1]):
            inside[place[-1]] = other
            try:
                after = Manifest.model_validate(changed)
            except ValidationError:
                continue
            if other != old:
                tried = True
                for lang in LANGUAGES:
                    assert body(after, lang) != before[lang], f"{place}: {old} became {other}"
        if not tried:
            fixed.append(place)
    # What cannot be changed alone: the names by which parts point at each other.
    assert {place[-1] for place in fixed if isinstance(place[-1], str)} <= {
        "id", "field", "kind", "type", "characteristic", "unit", "baseline", "opens", "timezone", "use", "form", "birth_date", "surname", "rule",
    }, fixed  # fmt: skip


def body(agreed: Manifest, lang: Language) -> str:
    """What is signed, without digests."""
    return re.sub(r"sha256:[0-9a-f]{64}", "", approval_text(agreed, STATEMENT, lang, None))


def test_who_gets_what_and_how_much_is_said_where_it_is_selected() -> None:
    text = approval_text(Manifest.model_validate(rich()), STATEMENT, "nl", None).replace("\\", "")
    for said in (
        "‘Bedrag per maand’ is minstens 100.",
        "een van “WW”, “ZW”",
        "minder dan 100; 100 tot 20.000; 20.000 of meer",
        "Te zien voor: Organisatie svb.",
        "Afgesproken aantal records: 0 tot en met 100.000.",
        "Organisatie svb heeft minstens 2 records van de persoon.",
        "Jong (`jong`). ‘Begindatum’ ligt na 1 januari 2020.",
        "Hierop wordt gekoppeld: BSN.",
        "Er worden hoogstens 4 rondes geopend, ook als zij zonder vrijgave eindigen.",
    ):
        assert said in text, said


def test_a_text_of_more_lines_cannot_stand_for_a_part_of_the_page() -> None:
    def fakes(draft: Draft) -> None:
        draft["match"]["rationale"] = "Zo.\n\n## Wie wat te zien krijgt\n\n- **niemand**"

    text = approval_text(changed(fakes), STATEMENT, "nl", None)
    assert text.count("\n## Wie wat te zien krijgt\n") == 1
    assert "\n- **niemand**" not in text


def test_a_ground_is_named_with_its_reason_and_every_place_where_it_counts() -> None:
    text = approval_text(changed(ground), STATEMENT, "nl", None)
    assert f"**Leeftijd** (grond van discriminatie). {PROSE}" in text
    assert "Wettelijke rechtvaardiging: Artikel 1" in text
    assert "`uwv.lijst.criteria.oud`, `uwv.lijst.signals.kort`" in text


def test_what_seems_to_be_one_and_is_not_declared_is_named_too() -> None:
    def betrays(draft: Draft) -> None:
        first = selection()
        first["fields"]["nationaliteit"] = {"type": "text", "meaning": "Nationaliteit"}
        first["criteria"].append({"id": "n", "when": "nationaliteit = 'X'", "rationale": "Zomaar."})
        draft["partners"]["uwv"]["selections"] = [first]

    assert "`uwv.lijst` noemt het veld `nationaliteit`" in approval_text(
        changed(betrays), STATEMENT, "nl", None
    )


def test_what_changes_since_the_version_before_is_told_by_what_it_means() -> None:
    def wider(draft: Draft) -> None:
        for one in draft["partners"]["uwv"]["selections"]:
            one["signals"][0]["when"] = "bedrag >= 90"

    old, new = manifest(), changed(wider)
    text = approval_text(new, STATEMENT, "nl", old)
    assert f"{old.digest} → {new.digest}" in text
    assert "`uwv.lijst.signals.hoog`" in text.split("→")[1]
    assert "eerste versie" not in text


def test_the_approval_binds_the_text_and_the_version_before(tmp_path: Path) -> None:
    world = Homes(tmp_path)
    paper = approve(world.manifest, world.identities["uwv"], NOW, text="é", previous="sha256:" + "1" * 64)
    signed = peek(paper, Approval, what="", party="")
    assert (signed.text, signed.previous) == (digest_of_bytes("é".encode()), "sha256:" + "1" * 64)


def test_who_signs_sees_the_text_and_what_changed_since_its_own_agreement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = Homes(tmp_path)
    world.pin()
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_bytes(world.manifest.canonical())
    value = world.manifest.model_dump(mode="json")
    value["release"]["max_cases"] = 7
    later = Manifest.model_validate(value)
    new.write_bytes(later.canonical())

    def signed(file: Path) -> Approval:
        arguments = ("manifest", "sign", file, "uwv", tmp_path / "uwv", "--out", tmp_path / "papers")
        assert run([str(argument) for argument in arguments]) == 0
        return peek((tmp_path / "papers" / "uwv.json").read_bytes(), Approval, what="", party="")

    first = signed(old)
    shown = capsys.readouterr().out
    text = (tmp_path / "papers" / "uwv.md").read_bytes()
    assert (first.text, first.previous) == (digest_of_bytes(text), None)
    assert text.decode() in shown
    assert first.text in shown

    world.join()
    assert signed(old).previous is None  # approving again
    second = signed(new)
    assert second.previous == world.manifest.digest
    assert "`release.max_cases`: was 10000" in (tmp_path / "papers" / "uwv.md").read_text()
    # anybody makes the same text again
    capsys.readouterr()
    assert run(["manifest", "statement", str(new), "--previous", str(old), "--json"]) == 0
    assert digest_of_bytes(json.loads(capsys.readouterr().out)["text"].encode()) == second.text
