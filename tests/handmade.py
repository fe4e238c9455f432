"""A small project with made-up parties, for tests: documents, manifests, extracts. Nothing is random, no key is real.

`document()` is a complete manifest of three partners as a plain value; a test changes what it is about. Parties with
keys stand in `parties.py`, those that also keep a home in `homes.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lsi_match.manifest import Manifest
from lsi_match.protocol.documents import Opening

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
EARLIER = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
PROJECT = "proef"
PROSE = "Deze tekst staat er alleen om lang genoeg te zijn voor wat het manifest hier vraagt."
BASIS = (
    "legal_basis",
    "purpose",
    "necessity",
    "proportionality",
    "subsidiarity",
    "intrusion",
    "personal_data",
    "equal_treatment",
)
PARTNERS = ("gemeente", "uwv", "svb")

#: BSNs that pass the eleven test, from the range that is used for tests.
BSNS = ("999990019", "999990020", "999990032", "999990044", "999990056", "999990068", "999990081")
#: A row of the register of `selection` that every criterion lets through.
RECORD = {
    "kenmerk": "K1", "nummer": BSNS[0], "bedrag": "200", "begin": "2026-05-01", "soort": "x", "actief": "ja",
}  # fmt: skip


def selection(id_: str = "lijst", **changes: Any) -> dict[str, Any]:
    """A selection over a register with a BSN, a postcode and a few plain fields."""
    return {
        "id": id_,
        "source": "Een register",
        "fields": {
            "nummer": {"type": "text", "meaning": "Burgerservicenummer"},
            "bedrag": {"type": "decimal", "meaning": "Bedrag per maand"},
            "begin": {"type": "date", "meaning": "Begindatum"},
            "soort": {"type": "text", "meaning": "Soort"},
            "actief": {"type": "boolean", "meaning": "Loopt nog"},
        },
        "identifiers": [{"kind": "bsn", "fields": ["nummer"]}],
        "criteria": [{"id": "lopend", "when": "actief", "rationale": "Alleen wat loopt."}],
        "signals": [
            {"id": "hoog", "when": "bedrag >= 100", "label": "Hoog bedrag"},
            {
                "id": "kort",
                "when": "date_diff('month', begin, peildatum) < 6",
                "label": "Kort geleden begonnen",
            },
        ],
        "volume": {"at_least": 0, "at_most": 100_000},
        **changes,
    }


def dimension(when: str = "begin > DATE '2020-01-01'", id_: str = "leeftijd") -> dict[str, Any]:
    """Two groups: those for whom `when` is true, and those for whom it is not."""
    return {
        "id": id_,
        "label": id_.title(),
        "groups": [
            {"id": "jong", "when": when, "label": "Jong"},
            {"id": "oud", "when": f"NOT ({when})", "label": "Oud"},
        ],
    }


def document(
    partners: Dict[str, Sequence[dict[str, Any]]] | None = None,
    *,
    unit: str = "person",
    identifiers: Sequence[str] = ("bsn",),
    person_keys: Sequence[str] = (),
    rule: str = "partners >= 2",
    release: Dict[str, Any] | None = None,
    dimensions: Sequence[dict[str, Any]] = (),
    when_late: str = "wait",
) -> dict[str, Any]:
    """A manifest as a plain value, with keys that belong to nobody."""
    chosen = partners if partners is not None else {name: [selection()] for name in PARTNERS}
    names = list(chosen)
    value: dict[str, Any] = {
        "format": "lsi-match/manifest/v2",
        "project": {
            "id": PROJECT,
            "title": "Proef",
            "type": "theme",
            "place": "Zandstad",
            "period": {"first": "2026-01-01", "last": "2026-12-31"},
            "leader": "Projectleider",
        },
        "basis": {part: f"Over {part}: {PROSE}" for part in BASIS},
        "controllers": {
            name: {
                "title": f"Organisatie {name}", "oin": f"{i + 1:020d}", "dpo_contact": f"fg@{name}.example",
                "signing_key": f"{i + 1:064x}", "encryption_key": f"age1{i + 1:058d}",
            }
            for i, name in enumerate(names)
        },
        "matcher": {
            "title": "Koppelomgeving", "oin": f"{99:020d}", "domain": "koppel.example",
            "signing_key": f"{99:064x}", "encryption_key": f"age1{99:058d}",
        },
        "dpia": {"reference": "DPIA-1", "date": "2026-01-05"},
        "dpo_advice": {
            name: {"date": "2026-01-06", "outcome": "positive", "reference": f"FG-{name}"} for name in names
        },
        "work_instruction": {
            "title": "Werkinstructie", "digest": "sha256:" + "a" * 64, "acknowledged_by": ["data steward"],
        },
        "pseudonyms": {"scheme": "v1", "epoch": 1, "key_check": "0" * 32},
        "subject": {"unit": unit, "identifiers": list(identifiers), "person_keys": list(person_keys)},
        "partners": {name: {"selections": copy.deepcopy(list(chosen[name]))} for name in names},
        "match": {"rule": rule, "rationale": "Bij twee of meer partijen bekend."},
        "release": {
            "max_cases": 10_000,
            "keep_days": 30,
            "to": dict(release)
            if release is not None
            else {name: {"signals_of": [o for o in names if o != name]} for name in names},
        },
        "monitor": {"dimensions": list(dimensions), "smallest_cell": 5},
        "schedule": {"when_late": when_late, "deadline_days": 14, "rounds_at_most": 1000},
        "retention": {"log_details_days": 365, "hold_days": 30},
    }  # fmt: skip
    return value


def manifest(*arguments: Any, **changes: Any) -> Manifest:
    """`document` as the model."""
    return Manifest.model_validate(document(*arguments, **changes))


def opening(agreed: Manifest, **changes: Any) -> Opening:
    """The opening of a round under `agreed`; `changes` replace members."""
    members: dict[str, Any] = {
        "project": agreed.project.id,
        "manifest": agreed.digest,
        "round": "r1",
        "reference_date": "2026-06-01",
        "opened_at": NOW,
        "deadline": datetime(2026, 6, 15, 12, 0, tzinfo=UTC),
        "recipient": f"age1{99:058d}",
        "parts": 1,
        "trace_id": "1" * 32,
    }
    return Opening(**(members | changes))


def write_csv(file: Path, rows: Sequence[Dict[str, str]]) -> None:
    """Rows with the same keys, as a CSV with `;` in which every value is quoted."""

    def quoted(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    lines = [";".join(quoted(name) for name in rows[0])]
    lines += [";".join(quoted(value) for value in row.values()) for row in rows]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
