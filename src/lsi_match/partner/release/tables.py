"""What is in an opened release: the own records, and the attributes that other partners sealed to this one."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from lsi_match.base.errors import LsiError
from lsi_match.crypto.aead import decrypt_rows
from lsi_match.crypto.sealing import unseal
from lsi_match.crypto.signing import verify
from lsi_match.manifest import NO_VALUE, Attribute, Manifest
from lsi_match.partner.home import Home
from lsi_match.protocol.columns import (
    CASE,
    REFERENCE,
    SEALED,
    SELECTION,
    Column,
    attribute_column,
    attribute_sources,
    release_columns,
    released_attribute_columns,
    row_width,
)
from lsi_match.protocol.documents import AttributeKeys, ReleaseDescriptor
from lsi_match.protocol.tables import from_part


def read_release(
    opened: bytes, manifest: Manifest, descriptor: ReleaseDescriptor, home: Home
) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    """The own records, and per other partner its attributes by case and position.

    Raises:
        TableInvalidError: it has another length than its rows take.
        SignatureMissingError, SignedDocumentInvalidError: the key of attributes is not signed by whose they are.
        AttributesAlteredError: attributes were changed, left out or copied, or are of another row, case, drop or round.
    """
    sources = [name for name in attribute_sources(manifest, home.name) if name in descriptor.attributes]
    wanted: list[tuple[Sequence[Column], int]] = [
        (release_columns(manifest, home.name), descriptor.parts[0].rows)
    ]
    for name in sources:
        wanted.append((released_attribute_columns(manifest.partners[name]), descriptor.attributes[name].rows))
    found, rest = [], memoryview(opened)
    for number, (columns, rows) in enumerate(wanted, start=1):
        size = rows * row_width(columns) if number < len(wanted) else len(rest)
        table = from_part(rest[:size], columns, rows, what="release", party=home.name)
        found.append(pl.DataFrame(pl.from_arrow(table)))
        rest = rest[size:]
    own, *others = found
    given = dict(zip(sources, others, strict=True))
    for name in attribute_sources(manifest, home.name):
        _check_whole(name, own.filter(pl.col(name)).get_column(CASE), given.get(name, own.clear()))
    return own, {name: _opened(home, manifest, descriptor, name, table) for name, table in given.items()}


def _check_whole(source: str, cases: pl.Series, table: pl.DataFrame) -> None:
    """That there are rows of each of these cases, in which `source` is, and of no other; and each row once.

    Nonces are random, so that no two rows were the same when they were sealed."""
    same = set(table.get_column(CASE)) == set(cases)
    if not same or (len(table) and table.get_column(SEALED).is_duplicated().any()):
        raise LsiError("AttributesAlteredError", partner=source)


def _opened(
    home: Home, manifest: Manifest, descriptor: ReleaseDescriptor, source: str, table: pl.DataFrame
) -> pl.DataFrame:
    """The attributes of `source`, by whoever they were handed on."""
    signed, signing_key = (
        descriptor.attributes[source].keys.encode(),
        manifest.controllers[source].signing_key,
    )
    keys = verify(signed, AttributeKeys, signing_key, what="attribute keys", party=source)
    of = (descriptor.project, descriptor.manifest, descriptor.round, source)
    if (keys.project, keys.manifest, keys.round, keys.partner) != of or home.name not in keys.sealed:
        raise LsiError("AttributesAlteredError", partner=source)
    try:
        sealed = b64decode(keys.sealed[home.name])
        key = unseal(sealed, home.identity().encryption, what="attribute keys", party=source)
        beside = table.select(SELECTION, REFERENCE).iter_rows()
        bound = b"".join(bytes([selection]) + reference for selection, reference in beside)
        rows = b"".join(table.get_column(SEALED))
        plain = decrypt_rows(memoryview(rows), key, keys.about, memoryview(bound), len(table))
    except ValueError:
        raise LsiError("AttributesAlteredError", partner=source) from None
    shown = manifest.partners[source].shown_attribute_ids
    places = np.frombuffer(plain, "<u2").reshape(-1, len(shown))
    columns = {attribute_column(one): places[:, at] for at, one in enumerate(shown)}
    return pl.DataFrame({CASE: table.get_column(CASE), **columns})


def shown_attributes(manifest: Manifest, source: str) -> list[Attribute]:
    """The attributes of a partner that may be in a release, each once."""
    return list({one.id: one for one in manifest.partners[source].attributes if one.shown}.values())


def with_values(
    manifest: Manifest, partner: str, frame: pl.DataFrame, attributes: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
    """The rows with, per other partner, its attributes after its signals: the labels of its values in the case, each once,
    in order."""
    shown: dict[str, list[str]] = {}
    for column in release_columns(manifest, partner):
        shown.setdefault(column.other, []).append(column.name)
    for source in attribute_sources(manifest, partner):
        for one in shown_attributes(manifest, source):
            told = _labels(one, attributes[source]) if source in attributes else {}
            texts = ["; ".join(sorted(told.get(case, ()))) for case in frame.get_column(CASE)]
            name = f"{source}.{one.id}"
            frame = frame.with_columns(pl.Series(name, texts, dtype=pl.String))
            shown[source].append(name)
    return frame.select(name for names in shown.values() for name in names)


def _labels(attribute: Attribute, places: pl.DataFrame) -> dict[bytes, set[str]]:
    """Case → the labels of the values in it."""
    found: dict[bytes, set[str]] = {}
    for case, place in places.select(CASE, attribute_column(attribute.id)).iter_rows():
        if place != NO_VALUE:
            found.setdefault(case, set()).add(attribute.label(place))
    return found
