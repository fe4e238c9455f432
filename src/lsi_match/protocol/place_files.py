"""What changes hands at a place beside drops and releases, by how its file ends."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from lsi_match.protocol.documents import OPENED_SUFFIX

#: From a partner: a cosignature under a checkpoint (`log cosign`), and what it says to the report of a held round.
COSIGNATURE_SUFFIX = ".checkpoint"
JUSTIFICATION_SUFFIX = ".justification.json"
#: What came of the cases of a release, as counts; and a sealed access request, with its sealed answer from the matcher.
OUTCOME_SUFFIX = ".outcome.json"
#: The table of a statistics office, from its client; and to the client what the matcher sealed to that office, and says of it.
OFFICE_COUNTS_SUFFIX, OFFICE_SUFFIX, OFFICE_SEALED_SUFFIX = (
    ".office-counts.json",
    ".office.json",
    ".office.age",
)
REQUEST_SUFFIX, ANSWER_SUFFIX = ".access-request.age", ".access-answer.age"

#: Of a round in which partners evaluate together (`protocol.evaluation_documents`): from a partner, and the first two to others.
ASK_SUFFIX, EVALUATION_SUFFIX = ".evaluation-ask", ".evaluation-answer"
KEYS_DESTROYED_SUFFIX = ".round-keys-destroyed.json"
OF_EVALUATION = (ASK_SUFFIX, EVALUATION_SUFFIX, KEYS_DESTROYED_SUFFIX)
#: And of a person who is looked up in a round that is over; both from a partner, and to others.
ACCESS_ASK_SUFFIX, ACCESS_EVALUATION_SUFFIX = ".access-ask", ".access-evaluation"
OF_LOOK_UP = (ACCESS_ASK_SUFFIX, ACCESS_EVALUATION_SUFFIX)
#: And from the matcher.
EVALUATORS_SUFFIX = ".evaluators.json"

#: What a party brings for all the others, by how it ends, and the most bytes of it: `<project>.<party>.<what><suffix>`. The
#: matching environment passes it on as it came; whoever takes it in judges it.
PUBLIC_KEYS_SUFFIX, ROOT_SUFFIX, PAPER_SUFFIX = ".card.json", ".root.json", ".paper.json"
DRAFT_SUFFIX, MANIFEST_SUFFIX, INSTRUCTION_SUFFIX = ".draft.yaml", ".manifest.json", ".instruction.md"
COMMITMENT_SUFFIX, REVEAL_SUFFIX, SHARE_SUFFIX = ".commitment.json", ".reveal.json", ".key-share.json"
SHARED = {
    PUBLIC_KEYS_SUFFIX: 2**16, ROOT_SUFFIX: 2**20, PAPER_SUFFIX: 2**20, DRAFT_SUFFIX: 2**20, MANIFEST_SUFFIX: 2**20,
    INSTRUCTION_SUFFIX: 2**20, COMMITMENT_SUFFIX: 2**18, REVEAL_SUFFIX: 2**20, SHARE_SUFFIX: 2**16, ".crl": 2**20,
}  # fmt: skip
#: Everything that a partner can send by itself.
SENT_ALONE = (
    OPENED_SUFFIX, COSIGNATURE_SUFFIX, JUSTIFICATION_SUFFIX, OUTCOME_SUFFIX, OFFICE_COUNTS_SUFFIX, REQUEST_SUFFIX,
    *SHARED,
)  # fmt: skip

#: From the matcher: the log to be co-signed, in parts (`log.tail`).
PART_SUFFIX = ".log-part.json"
#: The entries that the parts do not have yet; left there for who puts the site back.
TAIL_SUFFIX = ".log-tail.json"
#: What a partner puts together of the parts: the log, and all signed papers that its entries name (a JSON list of their texts).
LOG_SUFFIX = ".log.sqlite"
PAPERS_SUFFIX = ".papers.json"
#: The newest checkpoint that a controller co-signed, for the others.
COSIGNED_SUFFIX = ".cosigned.tlog-proof"
#: Everything that the matcher puts at a place, by how it ends, and the most bytes of it that a partner fetches.
FETCHED = {
    ".opening.json": 2**20,
    ASK_SUFFIX: 2**32,
    EVALUATION_SUFFIX: 2**32,
    EVALUATORS_SUFFIX: 2**20,
    **dict.fromkeys(OF_LOOK_UP, 2**20),
    ".reminder.json": 2**20,
    ".refused.json": 2**20,
    ".report.json": 2**26,
    ".counts.json": 2**26,
    OFFICE_SUFFIX: 2**20,
    OFFICE_SEALED_SUFFIX: 2**35,
    ".release.json": 2**23,
    ".release.age": 2**35,
    ".tlog-proof": 2**26,
    PART_SUFFIX: 2**28,
    ANSWER_SUFFIX: 2**24,
    **SHARED,
}


def shared_name(project: str, party: str, what: str, suffix: str) -> str:
    """How a file for all the others is called; `what` can be empty where a party has one of its kind."""
    return ".".join(filter(None, (project, party, what))) + suffix


def shared_by(project: str, name: str) -> str | None:
    """The party that brings a file for all the others under this name; None where it is no such name."""
    suffixes = "|".join(map(re.escape, SHARED))
    found = re.fullmatch(rf"{re.escape(project)}\.([a-z][a-z0-9_]*)(\.[a-z0-9_-]{{1,60}})?({suffixes})", name)
    return found[1] if found else None


def newest_copy(names: Iterable[str], project: str) -> int | None:
    """Of how many entries the longest copy of a project's log is, among files with these names; None where there is none."""
    found = re.compile(re.escape(project) + r"\.([0-9]{1,12})" + re.escape(LOG_SUFFIX))
    return max((int(one[1]) for one in map(found.fullmatch, names) if one), default=None)


def papers_beside(copy: Path) -> Path:
    """Where the papers of a copy of the log lie."""
    return copy.with_name(copy.name.removesuffix(LOG_SUFFIX) + PAPERS_SUFFIX)


#: How the file of a receipt ends: the proof (C2SP tlog-proof) that the log has the entry `arrive` of one delivery, accepted or
#: refused. The matching environment cannot take it back: a log without that entry is another log.
RECEIPT_SUFFIX = ".receipt.tlog-proof"


def receipt_name(project: str, partner: str, drop: str) -> str:
    """The file of the receipt for the drop whose descriptor has the digest `drop`."""
    return f"{project}.{partner}.{drop.removeprefix('sha256:')[:32]}{RECEIPT_SUFFIX}"
