"""A small project with made-up parties, for tests: documents, manifests, keys, homes, extracts. Nothing is random.

`document()` is a complete manifest of three partners as a plain value; a test changes what it is about.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from lsi_match.agreement.approvals import approve
from lsi_match.agreement.trust_root_draft import compose
from lsi_match.agreement.trust_root_rules import Trust, sign_root
from lsi_match.crypto.keys import Identity, make_identity, make_round_key
from lsi_match.crypto.project_key import ProjectKey
from lsi_match.crypto.signing import sign
from lsi_match.manifest import Manifest, complete_draft
from lsi_match.matcher.site.site import OPENING
from lsi_match.partner.extract.column_mapping import Mapping, SelectionMapping
from lsi_match.partner.home import Home, make_key_share
from lsi_match.protocol.documents import Card, Opening

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
        "format": "lsi-match/manifest/v1",
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
        "schedule": {"when_late": when_late, "deadline_days": 14},
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


@dataclass
class Parties:
    """Real keys for the parties of a draft, and homes under `folder` that agreed to it."""

    folder: Path
    draft: dict[str, Any] = field(default_factory=document)

    def __post_init__(self) -> None:
        names = [*self.draft["controllers"], "matcher"]
        self.identities: dict[str, Identity] = {
            name: make_identity(name, self.folder / name / "keys") for name in names
        }
        self.key = ProjectKey(PROJECT, 1, bytes(range(32)))
        parties = {name: (one["title"], one["oin"]) for name, one in self.draft["controllers"].items()}
        parties["matcher"] = (self.draft["matcher"]["title"], self.draft["matcher"]["oin"])
        cards = {name: Card.model_validate(one.card) for name, one in self.identities.items()}
        self.root = compose(PROJECT, parties, cards, EARLIER)
        self.trust = Trust((self.root,))
        self.round_secret, self.round_recipient = make_round_key()

    @cached_property
    def manifest(self) -> Manifest:
        cards = {name: identity.card for name, identity in self.identities.items()}
        return Manifest.model_validate(complete_draft(self.draft, cards, self.key.check_value))

    @cached_property
    def approvals(self) -> dict[str, bytes]:
        return {
            name: approve(self.manifest, self.identities[name], NOW) for name in self.manifest.controllers
        }

    def home(self, name: str) -> Home:
        return Home(self.folder / name, name)

    def share(self, name: str, maker: str | None = None) -> bytes:
        """The project key, sealed to `name`."""
        made_by = self.identities[maker or next(iter(self.manifest.controllers))]
        recipient = self.manifest.controllers[name].encryption_key
        return make_key_share(self.key, made_by, name, recipient)

    def pin(self) -> None:
        """Every controller takes in the trust root, signed by all."""
        pile = [sign_root(self.root, self.identities[name]) for name in self.draft["controllers"]]
        for name in self.draft["controllers"]:
            self.home(name).add_roots(pile, self.root.digest, NOW)

    def join(self) -> None:
        self.pin()
        for name in self.manifest.partners:
            self.home(name).join(self.manifest.canonical(), self.approvals, self.share(name), NOW)

    def opening(self, **changes: Any) -> bytes:
        """A signed opening."""
        made = opening(self.manifest, recipient=self.round_recipient, **changes)
        return sign(made, OPENING, self.identities["matcher"])


def mapping(selections: Dict[str, str], columns: Sequence[str] | None = None) -> Mapping:
    """Selection → extract; fields and columns have the same names, the record id is in column `kenmerk`."""
    names = columns if columns is not None else tuple(selection()["fields"])
    return Mapping(
        selections={
            id_: SelectionMapping(extract=file, record_id="kenmerk", columns={n: n for n in names})
            for id_, file in selections.items()
        }
    )


def write_csv(file: Path, rows: Sequence[Dict[str, str]]) -> None:
    """Rows with the same keys, as a CSV with `;` in which every value is quoted."""

    def quoted(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    lines = [";".join(quoted(name) for name in rows[0])]
    lines += [";".join(quoted(value) for value in row.values()) for row in rows]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
