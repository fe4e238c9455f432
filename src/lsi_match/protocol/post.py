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
