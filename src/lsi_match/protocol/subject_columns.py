"""The files of data subjects: who was in a step, by an id that links to nothing else (docs/protocol.md, section 9).

A step that touches persons has such a file: an Apache Parquet file with these columns, one row per subject id and
category. Values of records are not in it.

| column | type | meaning |
| --- | --- | --- |
| `hi`, `lo` | unsigned 64 bits | the log id: its first and its last 8 bytes, most significant first |
| `kind` | unsigned 8 bits | place of the kind of identifier in `subject` of the manifest |
| `partner` | unsigned 8 bits | place of the partner in the manifest; 255: the row is about the subject as a whole |
| `selection` | unsigned 8 bits | place of the selection in the list of that partner; 255: none |
| `case` | boolean | whether the subject is a case |
| `signals` | unsigned 64 bits | of a row about a record: its signals, as in a drop; else 0. Files of before lack this column |
"""

from __future__ import annotations

from typing import Final

HI: Final = "hi"
LO: Final = "lo"
KIND: Final = "kind"
PARTNER: Final = "partner"
SELECTION: Final = "selection"
IS_CASE: Final = "case"
SIGNALS: Final = "signals"
#: No partner, no selection.
NONE: Final = 255
#: The attributes of an entry that name such a file by its digest: this one, or this one, a dot and a name.
SUBJECTS: Final = "subjects"


def log_id_info(project: str, round_id: str, about: str) -> str:
    """What the key of one file is derived with from the log key of its round (HKDF-SHA256).

    Args:
        about: `intake.<partner>`, `match` or `release.<partner>`.
    """
    return f"lsi-match/v1/log-id/{project}/{round_id}/{about}"
