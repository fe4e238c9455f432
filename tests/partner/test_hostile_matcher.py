"""A matching environment with the right key and a changed program: whatever it tries, the partner's program refuses it.

The table of what a partner verifies itself (docs/threat-model.md) is made from the names of these tests, the commands and the
errors beside them: `LSI_MATCH_WRITE_DOCS=1 pytest tests/partner/test_hostile_matcher.py`.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import wraps
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
import test_release_values as release_values
from handmade import BSNS, EARLIER, NOW, PROJECT, RECORD, dimension, document, selection, write_csv
from homes import Homes, mapping
from refusals import raises
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner

from lsi_match.base.canonical import canonical_json, digest_of_bytes
from lsi_match.base.files import read_bytes
from lsi_match.crypto.aead import encrypt_rows
from lsi_match.crypto.sealing import seal, unseal
from lsi_match.crypto.signing import media_type, sign
from lsi_match.library.held import check_report
from lsi_match.log import events
from lsi_match.log.judge import judge_log
from lsi_match.log.log_proof import LogProof, proof_file
from lsi_match.manifest import Manifest
from lsi_match.monitor.round_findings import (
    checked_findings,
    findings_of,
)
from lsi_match.monitor.table import CountsTable
from lsi_match.partner.access.request import Answered, make_request, open_answer
from lsi_match.partner.cosign import cosign_log
from lsi_match.partner.home import References
from lsi_match.partner.prepare import prepare
from lsi_match.partner.receipts import check_receipt
from lsi_match.partner.references import LongIds, id_blocks, make_references
from lsi_match.partner.release.open import (
    open_release,
)
from lsi_match.protocol.access_documents import AccessAnswer
from lsi_match.protocol.columns import (
    CASE,
    REFERENCE,
    SEALED,
    SELECTION,
    release_columns,
    released_attribute_columns,
)
from lsi_match.protocol.documents import AttributeKeys, Opening, ReleaseDescriptor
from lsi_match.protocol.place_files import receipt_name
from lsi_match.protocol.tables import blank_part

PAGE = Path(__file__).parents[2] / "docs" / "threat-model.md"
BEGIN, END = "<!-- made from the tests: begin -->\n", "<!-- made from the tests: end -->\n"
NAMES = ("gemeente", "svb", "uwv")
OWN = "uwv"
NOTHING = "sha256:" + "0" * 64
#: What is tried, the commands that refuse it, and the errors they do it with; in the order of the tests.
ROWS: list[tuple[str, str, str]] = []
Test = Callable[["Hostile"], None]


def refused(commands: str, *errors: str) -> Callable[[Test], Test]:
    """That what a test tries is refused by these commands with one of these errors, and a row of the table."""

    def marked(test: Test) -> Test:
        tried = test.__name__.removeprefix("test_").replace("_", " ")
        told = ", ".join(f"`{error}`" for error in errors)
        ROWS.append((tried, ", ".join(f"`{one}`" for one in commands.split(", ")), told))

        @wraps(test)
        def tries(hostile: Hostile) -> None:
            before = sorted(hostile.place.rglob("*.drop.json"))
            with raises(*errors):
                test(hostile)
            assert sorted(hostile.place.rglob("*.drop.json")) == before

        return tries

    return marked


class Hostile:
    """The matching environment, with its own key, and the partner `OWN` that it tries things on."""

    def __init__(self, parties: Homes, place: Path) -> None:
        self.parties, self.place = parties, place
        self.manifest, self.home = parties.manifest, parties.home(OWN)
        self.key = parties.identities["matcher"]
        write_csv(place / "extract.csv", [RECORD])

    def prepare(self, opening: Path, now: datetime = NOW) -> None:
        maps = mapping({"lijst": "extract.csv"})
        prepare(self.home, opening, maps, self.place, self.place / "out", PROJECT, now)

    def answered(self, opening: Path) -> None:
        """That this one is answered; its drop is of no use here."""
        self.prepare(opening)
        (drop,) = self.place.rglob("*.drop.json")
        drop.unlink()

    def opens(self, log: str = "log.sqlite", **changes: Any) -> Path:
        return self.parties.logged(self.parties.opening(**changes), log)

    def releases(self, log: str = "log.sqlite", event: events.Event | None = None, **changes: Any) -> Path:
        members: dict[str, Any] = {
            "project": PROJECT, "manifest": self.manifest.digest, "round": "r1", "partner": OWN, "drop": None,
            "released_at": NOW, "expires_at": NOW + timedelta(days=9), "span_id": "0" * 16, "cases": 0, "parts": (),
        }  # fmt: skip
        descriptor = sign(ReleaseDescriptor(**members | changes), self.key)
        told = event or events.Released(round="r1", cases=0, releases={OWN: digest_of_bytes(descriptor)})
        return self.parties.recorded(descriptor, told, self.manifest.digest, log)

    def receipt(self, log: str = "log.sqlite", *, made_here: bool = True, partner: str = OWN) -> Path:
        if made_here and not self.home.round_of_drop(PROJECT, NOTHING):
            self.home.keep_references(PROJECT, "r1", NOTHING, References(bytes(16), ()))
        event = events.DropArrived(round="r1", partner=partner, drop=NOTHING)
        proof = proof_file(
            self.parties.recorded(f"a {log} {partner}".encode(), event, self.manifest.digest, log)
        )
        return proof.rename(proof.with_name(receipt_name(PROJECT, OWN, NOTHING)))

    def writes(self, event: events.Event, log: str = "log.sqlite") -> None:
        self.parties.recorded(b"{}", event, self.manifest.digest, log)

    def agreed(self, log: str = "log.sqlite") -> dict[str, bytes]:
        """The beginning of its log as it should be; the papers so far."""
        papers = {self.manifest.digest: self.manifest.canonical()}
        papers |= {digest_of_bytes(data): data for data in self.parties.papers.values()}
        root = self.parties.root
        self.writes(events.TrustRootTakenIn(version=1, root=root.digest, changed=NAMES), log)
        signed = {name: digest_of_bytes(data) for name, data in self.parties.papers.items()}
        self.writes(events.ManifestRegistered(papers=signed), log)
        opening = self.parties.opening()
        self.writes(events.RoundOpened(round="r1", opening=digest_of_bytes(opening)), log)
        return papers | {digest_of_bytes(opening): opening}

    def counts(self, papers: dict[str, bytes], alerts: int, told: int) -> str:
        """A count with so many alerts, of which the entry tells other ones; the digest of the report."""
        report = f'{{"alerts": {alerts}}}'.encode()
        papers |= {digest_of_bytes(one): one for one in (report, b"{}")}
        findings, table = digest_of_bytes(report), digest_of_bytes(b"{}")
        self.writes(events.GatesPassed(round="r1"))
        self.writes(events.Matched(round="r1", cases=1, subjects=NOTHING))
        self.writes(
            events.Counted(
                round="r1", overview=NOTHING, table=table, findings=findings, alerts=told, too_little=0
            )
        )
        return findings

    def cosign(self, papers: dict[str, bytes] | None = None, log: str = "log.sqlite") -> None:
        def report(given: bytes, table: bytes, manifest: object) -> Any:
            alerts = range(int(given[11:-1]))
            said = {"round": "r1", "alerts": alerts, "differences": (), "promises": ()}
            return SimpleNamespace(**said, holds=lambda on_too_little: bool(alerts)), ""

        def judge(file: Path, manifest: Any, trust: Any) -> Any:
            return judge_log(file, manifest, trust, papers or {}, report)

        cosign_log(self.home, self.parties.folder / log, PROJECT, NOW, judge if papers else None)

    def answers(self, manifest: Manifest | None = None, *, logged: bool = True, **told: Any) -> Answered:
        """Open an answer to a request, which goes by this manifest and tells this of the round."""
        asked = make_request(self.home, PROJECT, {"bsn": BSNS[0]}, "a-1", ["r1"], NOW)
        request = digest_of_bytes(unseal(asked, self.key.encryption, what="request", party=OWN))
        by, event = manifest or self.manifest, {"at": NOW, "position": 0}
        one = {
            "round": "r1",
            "manifest": by.digest,
            "opened": event,
            "known": "yes",
            "destroyed": None,
            "forgotten": None,
        }
        answer = sign(
            AccessAnswer.model_validate(
                {"project": PROJECT, "controller": OWN, "request": request, "at": NOW, "rounds": [one | told],
                 "manifests": {by.digest: by.canonical().decode()}}
            ), self.key,
        )  # fmt: skip
        said = digest_of_bytes(answer) if logged else NOTHING
        event_of_log = events.AccessAnswered(partner=OWN, request=request, answer=said)
        proof = proof_file(self.parties.recorded(answer, event_of_log, self.manifest.digest)).read_bytes()
        sealed = seal(answer + proof, self.manifest.controllers[OWN].encryption_key)
        return open_answer(self.home, PROJECT, "a-1", sealed, NOW)

    def envelope(self, payload: bytes) -> bytes:
        """These bytes as an opening, signed as they are."""
        envelope = Envelope(payload, media_type(Opening), {})
        envelope.sign(CryptoSigner(self.key.signing, self.key.public))
        return json.dumps(envelope.to_dict()).encode()

    def case(self, change: Callable[[dict[str, Any]], None] = lambda _: None, *, signer: str = "svb") -> None:
        """Open a release of a case in which this partner has a record and svb one with attributes.

        Args:
            change: what the matching environment changes in it: `reference` of the own record, and of the attributes of svb
                their `key`, `sealed` cells, `cells` of the row they stand in, the `round` that their key says it is of, and how
                many `rows` of them there are; and whether `svb` is in the case.
            signer: who signed the key of the attributes.
        """
        keys = {OWN: bytes([1]) * 32, "svb": bytes([2]) * 32}
        self.home.keep_references(PROJECT, "r1", NOTHING, References(keys[OWN], ()))
        made = {
            "reference": make_references(id_blocks(pl.Series([RECORD["kenmerk"]]), LongIds()), keys[OWN])[0],
            "case": bytes([3]) * 16, "round": "r1", "bound": bytes([4]) * 16, "selection": 0,
            "rows": 1, "svb": 1,
        }  # fmt: skip
        change(made)
        own = self.manifest.controllers[OWN].encryption_key
        attribute_keys = AttributeKeys(
            project=PROJECT, manifest=self.manifest.digest, round=made["round"], partner="svb", span_id="0" * 16,
            sealed={OWN: b64encode(seal(keys["svb"], own)).decode()},
        )  # fmt: skip
        cells = encrypt_rows(
            memoryview(bytes([1, 0])),
            keys["svb"],
            attribute_keys.about,
            memoryview(bytes([0]) + bytes([4]) * 16),
            1,
        )
        part, row = blank_part(release_columns(self.manifest, OWN), 1)
        for column in row.values():
            column[:] = 0
        row[CASE][0], row[REFERENCE][0], row["svb"][0] = list(bytes([3]) * 16), made["reference"], made["svb"]
        columns = released_attribute_columns(self.manifest.partners["svb"])
        beside, other = blank_part(columns, made["rows"])
        other[CASE][:], other[REFERENCE][:] = list(made["case"]), list(made["bound"])
        other[SELECTION][:], other[SEALED][:] = (
            made["selection"],
            list(made.get("sealed", lambda one: one)(cells)),
        )
        sealed = seal(bytes(part) + bytes(beside), own)
        released = self.releases(
            drop=NOTHING, cases=1, parts=[{"file": "x.release.age", "digest": digest_of_bytes(sealed), "rows": 1}],
            attributes={"svb": {"rows": made["rows"], "keys": sign(attribute_keys, self.parties.identities[signer]).decode()}},
        )  # fmt: skip
        released.with_name("x.release.age").write_bytes(sealed)
        open_release(self.home, released, PROJECT, NOW)


def parties(folder: Path, **schedule: Any) -> Homes:
    draft = document({name: [selection()] for name in NAMES})
    draft["partners"]["svb"]["selections"][0]["attributes"] = [
        {"id": "sinds", "field": "begin", "kind": "month", "rationale": "Wie kort geleden begon."}
    ]
    draft["release"]["to"][OWN]["attributes_of"] = ["svb"]
    draft["schedule"] |= {
        "rounds_at_most": 2,
        "reference_date": {"first": "2026-05-01", "last": "2026-06-01"},
        **schedule,
    }
    made = Homes(folder, draft)
    made.join()
    return made


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    return parties(tmp_path_factory.mktemp("hostile") / "parties")


@pytest.fixture
def hostile(base: Homes, tmp_path: Path) -> Hostile:
    made = copy.copy(base)
    made.folder = shutil.copytree(base.folder, tmp_path / "parties")
    return Hostile(made, tmp_path)


def test_what_was_agreed_is_answered_opened_and_cosigned(hostile: Hostile) -> None:
    """Without this the tests below could refuse everything."""
    hostile.prepare(hostile.opens())
    hostile.case()
    assert check_receipt(hostile.home, PROJECT, hostile.receipt(), NOW).round == "r1"
    assert open_release(hostile.home, hostile.releases(), PROJECT, NOW)[0].cases == 0
    assert hostile.answers().others == ()
    hostile.home.log(PROJECT).file.unlink()
    hostile.cosign(hostile.agreed("another.sqlite"), "another.sqlite")


# 1. what was agreed is what runs


@refused("partner prepare, partner deliver", "PeriodGateError")
def test_an_opening_after_the_period_of_the_project(hostile: Hostile) -> None:
    later = datetime.fromisoformat("2027-03-01T12:00:00+00:00")
    hostile.prepare(hostile.opens(opened_at=later, deadline=later + timedelta(days=14)), later)


@refused("partner prepare, partner deliver", "OpeningGateError")
def test_an_opening_dated_before_the_period_of_the_project(hostile: Hostile) -> None:
    at = datetime.fromisoformat("2025-12-01T12:00:00+00:00")
    hostile.prepare(hostile.opens(opened_at=at, deadline=at + timedelta(days=14)))


@refused("partner prepare, partner deliver", "OpeningGateError")
def test_an_opening_dated_in_the_future(hostile: Hostile) -> None:
    at = NOW + timedelta(days=3)
    hostile.prepare(hostile.opens(opened_at=at, deadline=at + timedelta(days=14)))


@refused("partner prepare, partner deliver", "OpeningGateError")
def test_a_deadline_other_than_that_of_the_schedule(hostile: Hostile) -> None:
    hostile.prepare(hostile.opens(deadline=NOW + timedelta(days=15)))


@refused("partner prepare, partner deliver", "OpeningGateError")
def test_a_reference_date_that_the_rule_of_the_manifest_does_not_give(hostile: Hostile) -> None:
    hostile.prepare(hostile.opens(reference_date=date(1990, 1, 1)))


@refused("partner prepare, partner deliver", "OpeningGateError")
def test_more_rounds_than_the_manifest_allows(hostile: Hostile) -> None:
    for name in ("r1", "r2"):
        hostile.answered(hostile.opens(round=name))
    hostile.prepare(hostile.opens(round="r3"))


@refused("partner prepare, partner deliver", "OpeningGateError")
def test_an_opening_on_a_day_on_which_the_schedule_opens_none(hostile: Hostile) -> None:
    scheduled = Hostile(
        parties(hostile.place / "scheduled", opens="0 6 20 * *", reference_date="day_of_opening"),
        hostile.place,
    )
    scheduled.prepare(scheduled.opens())


@refused("partner prepare, partner deliver", "OpeningChangedError")
def test_two_openings_under_the_name_of_one_round(hostile: Hostile) -> None:
    hostile.answered(hostile.opens())
    hostile.prepare(hostile.opens(reference_date=date(2026, 5, 1)))


@refused("partner prepare, partner deliver", "OpeningNotForManifestError")
def test_an_opening_under_a_manifest_that_this_partner_did_not_approve(hostile: Hostile) -> None:
    hostile.prepare(hostile.opens(manifest=NOTHING))


@refused("partner prepare, partner deliver", "DpoAdviceGateError")
def test_an_opening_while_a_gate_does_not_hold(hostile: Hostile) -> None:
    draft = document({name: [selection()] for name in NAMES})
    draft["dpo_advice"].pop("svb")
    made = Homes(hostile.place / "without-advice", draft)
    made.join()
    without = Hostile(made, hostile.place)
    without.prepare(without.opens())


@refused("partner prepare, partner outcome, partner deliver", "ProofMissingError")
def test_an_opening_in_no_log(hostile: Hostile) -> None:
    file = hostile.opens()
    proof_file(file).unlink()
    hostile.prepare(file)


@refused("partner prepare, partner outcome, partner deliver", "ProofRefusedError")
def test_an_opening_with_the_proof_of_another_entry(hostile: Hostile) -> None:
    file = hostile.opens()
    shutil.copy(proof_file(hostile.opens(round="r2")), proof_file(file))
    hostile.prepare(file)


@refused("partner prepare, partner outcome, partner deliver", "SplitViewError")
def test_an_opening_in_a_log_that_contradicts_the_one_shown_before(hostile: Hostile) -> None:
    hostile.answered(hostile.opens())
    hostile.writes(events.RetentionApplied(temporary=1), "other.sqlite")
    hostile.prepare(hostile.opens("other.sqlite", round="r2"))


@refused("partner prepare, partner receipt, partner open", "ConsistencyMissingError")
def test_a_proof_that_does_not_show_how_the_log_goes_on(hostile: Hostile) -> None:
    hostile.answered(hostile.opens())
    opening = hostile.opens(round="r2")
    proof = LogProof.parse(proof_file(opening).read_text())
    bare = LogProof(proof.leaf, proof.index, proof.path, proof.checkpoint)
    proof_file(opening).write_text(bare.text())
    hostile.prepare(opening)


# 2. what is signed is what is read


@refused("partner join", "ManifestAlteredError", "ApprovalInvalidError")
def test_a_manifest_changed_after_it_was_signed(hostile: Hostile) -> None:
    changed = hostile.manifest.model_copy(
        update={"release": hostile.manifest.release.model_copy(update={"keep_days": 31})}
    )
    hostile.home.join(changed.canonical(), hostile.parties.papers, hostile.parties.share(OWN), NOW)


@refused("partner prepare, partner deliver", "SignedDocumentInvalidError")
def test_an_opening_that_two_programs_read_in_two_ways(hostile: Hostile) -> None:
    opening = hostile.parties.opening()
    said = json.loads(b64decode(json.loads(opening)["payload"]))
    twice = canonical_json(said)[:-1] + b',"reference_date":"1990-01-01"}'
    hostile.prepare(hostile.parties.logged_as(opening, hostile.envelope(twice)))


@refused("partner prepare, partner deliver", "SignedDocumentInvalidError")
def test_an_opening_that_says_more_than_its_form(hostile: Hostile) -> None:
    opening = hostile.parties.opening()
    said = json.loads(b64decode(json.loads(opening)["payload"])) | {"criteria": "bsn IS NOT NULL"}
    hostile.prepare(hostile.parties.logged_as(opening, hostile.envelope(canonical_json(said))))


# 3. releases


@refused("partner open, partner outcome", "ReleaseNotOursError")
def test_a_release_of_another_partner(hostile: Hostile) -> None:
    open_release(hostile.home, hostile.releases(partner="svb"), PROJECT, NOW)


@refused("partner open, partner outcome", "ReleaseAlteredError")
def test_a_release_under_another_manifest(hostile: Hostile) -> None:
    open_release(hostile.home, hostile.releases(manifest=NOTHING), PROJECT, NOW)


@refused("partner open, partner outcome", "ReleaseExpiredError")
def test_a_release_after_its_term(hostile: Hostile) -> None:
    open_release(hostile.home, hostile.releases(expires_at=EARLIER), PROJECT, NOW)


@refused("partner open, partner outcome", "ProofMissingError")
def test_a_release_in_no_log(hostile: Hostile) -> None:
    file = hostile.releases()
    proof_file(file).unlink()
    open_release(hostile.home, file, PROJECT, NOW)


@refused("partner open, partner outcome", "ProofRefusedError")
def test_a_release_that_is_not_the_one_in_the_log(hostile: Hostile) -> None:
    told = events.Released(round="r1", cases=0, releases={OWN: NOTHING})
    open_release(hostile.home, hostile.releases(event=told), PROJECT, NOW)


@refused("partner open, partner outcome", "ProofRefusedError")
def test_a_release_that_too_few_controllers_cosigned(hostile: Hostile) -> None:
    draft = document({name: [selection()] for name in NAMES})
    draft["release"]["cosignatures"] = 2
    made = Homes(hostile.place / "cosigned", draft)
    made.join()
    waiting = Hostile(made, hostile.place)
    open_release(waiting.home, waiting.releases(), PROJECT, NOW)


@refused("partner open, partner outcome", "SplitViewError")
def test_a_release_in_a_log_that_contradicts_the_one_shown_before(hostile: Hostile) -> None:
    hostile.answered(hostile.opens())
    open_release(hostile.home, hostile.releases("other.sqlite"), PROJECT, NOW)


@refused("partner open, partner outcome", "ReleaseUnlistedError")
def test_a_value_in_a_release_that_the_manifest_does_not_list(hostile: Hostile) -> None:
    release_values.check(soort=2)


@refused("partner open, partner outcome", "ReferenceUnknownError")
def test_a_record_that_this_partner_did_not_deliver(hostile: Hostile) -> None:
    hostile.case(lambda made: made.update(reference=list(bytes(range(16)))))


@refused("partner open, partner outcome", "AttributesAlteredError")
def test_attributes_with_a_bit_changed(hostile: Hostile) -> None:
    hostile.case(lambda made: made.update(sealed=lambda cells: cells[:-1] + bytes([cells[-1] ^ 1])))


@refused("partner open, partner outcome", "AttributesAlteredError")
def test_attributes_of_another_record(hostile: Hostile) -> None:
    hostile.case(lambda made: made.update(bound=bytes([5]) * 16))


@refused("partner open, partner outcome", "AttributesAlteredError")
def test_attributes_of_another_selection(hostile: Hostile) -> None:
    hostile.case(lambda made: made.update(selection=1))


@refused("partner open, partner outcome", "AttributesAlteredError")
def test_attributes_of_another_round(hostile: Hostile) -> None:
    hostile.case(lambda made: made.update(round="r2"))


@refused("partner open, partner outcome", "AttributesAlteredError")
def test_attributes_of_a_case_that_this_partner_is_not_in(hostile: Hostile) -> None:
    hostile.case(lambda made: made.update(case=bytes([6]) * 16))


@refused("partner open, partner outcome", "AttributesAlteredError")
def test_attributes_of_a_partner_that_is_not_in_the_case(hostile: Hostile) -> None:
    hostile.case(lambda made: made.update(svb=0))


@refused("partner open, partner outcome", "AttributesAlteredError")
def test_a_case_whose_attributes_are_left_out(hostile: Hostile) -> None:
    hostile.case(lambda made: made.update(rows=0))


@refused("partner open, partner outcome", "AttributesAlteredError")
def test_attributes_of_one_record_twice(hostile: Hostile) -> None:
    hostile.case(lambda made: made.update(rows=2))


@refused("partner open, partner outcome", "SignatureMissingError")
def test_attributes_that_another_made_up(hostile: Hostile) -> None:
    hostile.case(signer="matcher")


# 4. receipts


@refused("partner receipt", "ReceiptOfOthersError")
def test_a_receipt_for_a_drop_that_was_not_made_here(hostile: Hostile) -> None:
    check_receipt(hostile.home, PROJECT, hostile.receipt(made_here=False), NOW)


@refused("partner receipt, partner deliver", "ProofRefusedError")
def test_a_receipt_of_another_partner_under_the_name_of_ours(hostile: Hostile) -> None:
    check_receipt(hostile.home, PROJECT, hostile.receipt(partner="svb"), NOW)


@refused("partner receipt, partner deliver", "SplitViewError")
def test_receipts_of_two_logs_of_the_same_size(hostile: Hostile) -> None:
    for log, number in (("log.sqlite", 1), ("other.sqlite", 2)):
        hostile.writes(events.RetentionApplied(temporary=number), log)
    check_receipt(hostile.home, PROJECT, hostile.receipt(), NOW)
    check_receipt(hostile.home, PROJECT, hostile.receipt("other.sqlite"), NOW)


# 5. the log


@refused("log verify, log cosign, partner deliver", "LogRolledBackError")
def test_an_older_copy_of_the_log(hostile: Hostile) -> None:
    hostile.agreed()
    older = shutil.copy(hostile.parties.folder / "log.sqlite", hostile.parties.folder / "older.sqlite")
    hostile.writes(events.RetentionApplied(temporary=1))
    hostile.cosign()
    hostile.cosign(log=Path(older).name)


@refused("log verify, log cosign, partner deliver", "SplitViewError")
def test_another_history_of_the_log(hostile: Hostile) -> None:
    hostile.agreed()
    hostile.cosign()
    hostile.writes(events.RetentionApplied(temporary=1), "other.sqlite")
    hostile.agreed("other.sqlite")
    hostile.cosign(log="other.sqlite")


@refused("log verify, log cosign, partner deliver", "EntriesChangedError")
def test_an_entry_changed_after_it_was_signed(hostile: Hostile) -> None:
    hostile.agreed()
    with sqlite3.connect(hostile.parties.folder / "log.sqlite") as connection:
        (leaf,) = connection.execute("SELECT leaf FROM leaves WHERE position = 2").fetchone()
        connection.execute("UPDATE leaves SET leaf = ? WHERE position = 2", (leaf.replace(b'"r1"', b'"r2"'),))
    hostile.cosign()


@refused("log verify, log cosign, partner deliver", "JudgedOtherwiseError")
def test_gates_passed_that_did_not_hold(hostile: Hostile) -> None:
    papers = hostile.agreed()
    opening = hostile.parties.opening(round="r2", reference_date=date(1990, 1, 1))
    hostile.writes(events.RoundOpened(round="r2", opening=digest_of_bytes(opening)))
    hostile.cosign({**papers, digest_of_bytes(opening): opening})


@refused("log verify, log cosign, partner deliver", "PaperNotGivenError")
def test_approvals_and_justifications_that_nobody_signed(hostile: Hostile) -> None:
    papers = hostile.agreed()
    hostile.writes(events.PapersTakenIn(papers={"uwv": NOTHING}))
    hostile.writes(events.GatesPassed(round="r1"))
    hostile.cosign(papers)


@refused("log verify, log cosign, partner deliver", "JudgedOtherwiseError")
def test_a_hold_that_asks_fewer_controllers_than_the_manifest(hostile: Hostile) -> None:
    papers = hostile.agreed()
    findings = hostile.counts(papers, alerts=1, told=1)
    until = NOW.replace(microsecond=0) + timedelta(days=1)
    hostile.writes(events.Held(round="r1", findings=findings, alerts=1, until=until, controllers=("svb",)))
    hostile.cosign(papers)


@refused("log verify, log cosign, partner deliver", "ReleasedUnjustifiedError", "AlertPassedError")
def test_a_held_round_released_without_every_justification(hostile: Hostile) -> None:
    papers = hostile.agreed()
    findings = hostile.counts(papers, alerts=1, told=1)
    until = NOW.replace(microsecond=0) + timedelta(days=1)
    hostile.writes(events.Held(round="r1", findings=findings, alerts=1, until=until, controllers=NAMES))
    hostile.writes(events.Matched(round="r1", cases=1, subjects=NOTHING))
    hostile.writes(events.Released(round="r1", cases=1))
    hostile.cosign(papers)


@refused("log verify, log cosign, partner deliver", "JudgedOtherwiseError")
def test_an_alert_of_the_monitor_that_the_log_does_not_tell(hostile: Hostile) -> None:
    papers = hostile.agreed()
    hostile.counts(papers, alerts=2, told=0)
    hostile.cosign(papers)


@refused("monitor justify", "ProofRefusedError")
def test_another_report_than_the_log_holds_the_round_for(hostile: Hostile) -> None:
    until = NOW.replace(microsecond=0) + timedelta(days=1)
    held = events.Held(round="r1", findings=NOTHING, alerts=1, until=until, controllers=NAMES)
    report = hostile.parties.recorded(b"{}", held, hostile.manifest.digest)
    check_report(hostile.home, report, NOTHING, "r1", PROJECT, NOW)
    check_report(hostile.home, report, digest_of_bytes(b"{}"), "r1", PROJECT, NOW)


@refused("partner access-answer", "ProofRefusedError")
def test_an_answer_about_a_person_that_is_in_no_log(hostile: Hostile) -> None:
    hostile.answers(logged=False)


@refused("partner access-answer", "AnswerUnlistedError")
def test_an_answer_about_a_person_under_another_manifest_than_was_delivered_under(hostile: Hostile) -> None:
    hostile.answered(hostile.opens())
    draft = hostile.manifest.model_dump(mode="json", by_alias=True)
    draft["basis"]["purpose"] += " En om fraude op te sporen."
    hostile.answers(Manifest.model_validate(draft))


@refused("partner access-answer", "AnswerUnlistedError")
def test_an_answer_about_a_person_that_names_who_is_not_in_the_manifest(hostile: Hostile) -> None:
    event = {"at": NOW, "position": 0}
    hostile.answers(delivered=[{"partner": "vreemd", "selection": "lijst", "entry": event}])


@refused("partner access-answer", "AnswerUnlistedError")
def test_an_answer_about_a_person_with_a_signal_that_is_not_in_the_manifest(hostile: Hostile) -> None:
    event = {"at": NOW, "position": 0}
    hostile.answers(
        delivered=[{"partner": "svb", "selection": "lijst", "signals": ["fraude"], "entry": event}]
    )


@refused("monitor justify", "ReportNotOfCountsError")
def test_a_report_that_does_not_follow_from_its_counts(hostile: Hostile) -> None:
    checked_findings(b"{}", b"{}", hostile.manifest)


@refused("monitor justify", "SmallCountShownError")
def test_counts_that_tell_a_number_which_the_manifest_withholds(hostile: Hostile) -> None:
    draft = hostile.parties.draft | {"monitor": {"smallest_cell": 10, "dimensions": [dimension()]}}
    manifest = hostile.manifest.model_copy(
        update={"monitor": type(hostile.manifest.monitor).model_validate(draft["monitor"])}
    )
    monitor = manifest.monitor
    stages = [
        {"id": "register", "label": "Register", "kind": "reference", "counts": {"A": 900, "B": 800}},
        {
            "id": "casus",
            "label": "Casus",
            "kind": "case",
            "counts": {"A": 90, "B": 9},
            "against": ["register"],
        },
    ]
    counts = CountsTable.model_validate(
        {
            "title": "Ronde", "stages": stages, "dimensions": [{"id": "leeftijd", "label": "Soort", "groups": {"A": "A", "B": "B"}}],
            "tolerance": monitor.tolerance, "confidence": monitor.confidence, "looks": monitor.looks, "smallest_cell": 10,
        }
    ).model_dump_json().encode()  # fmt: skip
    checked_findings(findings_of(manifest, "r1", counts).written(), counts, manifest)


def table() -> str:
    """The table, as Markdown."""
    head = (
        "| a changed program of the matching environment tries | refused by | with |\n| --- | --- | --- |\n"
    )
    return head + "".join(f"| {tried} | {commands} | {errors} |\n" for tried, commands, errors in ROWS)


def test_the_table_in_the_threat_model_is_that_of_these_tests() -> None:
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    shown, _, after = rest.partition(END)
    if os.environ.get("LSI_MATCH_WRITE_DOCS"):
        PAGE.write_text(f"{before}{BEGIN}{table()}{END}{after}", "utf-8")
        shown = table()
    assert shown == table()
    assert len({tried for tried, _, _ in ROWS}) == len(ROWS)
    assert read_bytes(PAGE).count(BEGIN.encode()) == 1
