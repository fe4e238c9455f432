"""What changes hands at a place beside drops and releases, by how its file ends."""

from __future__ import annotations

from lsi_match.protocol.documents import OPENED_SUFFIX

#: From a partner: a cosignature under a checkpoint (`log cosign`), and what it says to the report of a held round.
COSIGNATURE_SUFFIX = ".checkpoint"
JUSTIFICATION_SUFFIX = ".justification.json"
#: Everything that a partner can send by itself.
SENT_ALONE = (OPENED_SUFFIX, COSIGNATURE_SUFFIX, JUSTIFICATION_SUFFIX)

#: From the matcher: a copy of the log to be co-signed.
LOG_SUFFIX = ".log.sqlite"
#: The entries that the newest copy does not have yet; left there for who puts the site back.
TAIL_SUFFIX = ".log-tail.json"
#: All signed papers that its entries name, in one file: a JSON list of their texts.
PAPERS_SUFFIX = ".papers.json"
#: The newest checkpoint that a controller co-signed, for the others.
COSIGNED_SUFFIX = ".cosigned.tlog-proof"
#: Everything that the matcher puts at a place, by how it ends, and the most bytes of it that a partner fetches.
FETCHED = {
    ".opening.json": 2**20,
    ".reminder.json": 2**20,
    ".refused.json": 2**20,
    ".report.json": 2**26,
    ".counts.json": 2**26,
    ".release.json": 2**23,
    ".release.age": 2**35,
    ".tlog-proof": 2**26,
    LOG_SUFFIX: 2**35,
    PAPERS_SUFFIX: 2**28,
}
