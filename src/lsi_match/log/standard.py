"""An entry as the standard has it: Logboek Dataverwerkingen 1.0.0, section "Component: Logboek". The one mapping, which
every export uses.

A leaf of the log holds more than the standard knows, and leaves of version 0.1 hold it in another way. What is shown as
the standard's holds its members and its attributes only; all that is ours stands beside it.
"""

from __future__ import annotations

from typing import Any

from lsi_match.log.entry import FOREIGN_PROCESSOR, FOREIGN_SPAN, PROCESSING_ACTIVITY, LogEntry
from lsi_match.log.events import MESSAGE, REASON, status_of

#: The attributes of the standard that an entry of ours can have. No entry is about one data subject: docs/log.md.
ATTRIBUTES = frozenset({PROCESSING_ACTIVITY, FOREIGN_PROCESSOR, REASON, MESSAGE})
#: What tells which program wrote it (OpenTelemetry, "Service").
RESOURCE = frozenset({"service.name", "service.version"})
#: What stands beside the attributes of ours.
_POSITION, _DETAILS_HASH = "lsi.log.position", "lsi.log.details_hash"


def standard_entry(entry: LogEntry) -> dict[str, Any]:
    """The members of the standard. Times are milliseconds, as it says; ids are hex.

    Version 0.1 gave refusals the status `Error`, which is for technical faults, and the span of another party an attribute
    that the standard does not have: here they are as those of today.
    """
    return {
        "trace_id": entry.trace_id,
        "span_id": entry.span_id,
        "parent_span_id": entry.parent_span_id,
        "status": status_of(entry),
        "name": entry.name,
        "start_time": entry.start_time,
        "end_time": entry.end_time,
        "resource": {"attributes": {k: v for k, v in entry.resource.items() if k in RESOURCE}},
        "attributes": {k: v for k, v in entry.attributes.items() if k in ATTRIBUTES},
    }


def beside_standard(position: int, entry: LogEntry) -> dict[str, str | int | bool]:
    """What of ours an entry holds beside the standard, by attribute; and where it stands in its log."""
    found: dict[str, str | int | bool] = {_POSITION: position}
    if entry.details_hash is not None:
        found[_DETAILS_HASH] = entry.details_hash
    found |= {name: value for name, value in entry.resource.items() if name not in RESOURCE}
    return found | {
        name: value for name, value in entry.attributes.items() if name not in ATTRIBUTES | {FOREIGN_SPAN}
    }
