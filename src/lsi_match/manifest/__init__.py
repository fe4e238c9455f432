"""The manifest: the one document that every controller signs and that alone decides what a run does.

Its identity is the SHA-256 of its canonical JSON. The models hold structure and the rules that can be seen
from the document itself; whether it may run today (approvals, advice, period) is decided by the gates. Every field
has a description in Dutch and English (`descriptions.toml`), which editors show through `schemas/manifest.schema.json`.

One module for each idea in the document; others import what they need from here.
"""

from __future__ import annotations

from lsi_match.manifest.base import (
    NO_VALUE,
    UNKNOWN,
    UNKNOWN_GROUP,
    Digest,
    Document,
    EncryptionKey,
    Name,
    ProjectId,
    Prose,
    Text,
)
from lsi_match.manifest.draft import blank_keys, complete_draft
from lsi_match.manifest.monitor_terms import Dimension, Monitor, Office, Reference, Sample, Statistics
from lsi_match.manifest.selection import (
    Attribute,
    Characteristic,
    IdentifierSource,
    Partner,
    Selection,
    SourceField,
)
from lsi_match.manifest.subject import Subject
from lsi_match.manifest.whole import Manifest

__all__ = [
    "NO_VALUE",
    "UNKNOWN",
    "UNKNOWN_GROUP",
    "Attribute",
    "Characteristic",
    "Digest",
    "Dimension",
    "Document",
    "EncryptionKey",
    "IdentifierSource",
    "Manifest",
    "Monitor",
    "Name",
    "Office",
    "Partner",
    "ProjectId",
    "Prose",
    "Reference",
    "Sample",
    "Selection",
    "SourceField",
    "Statistics",
    "Subject",
    "Text",
    "blank_keys",
    "complete_draft",
]
