"""The BAG (Basisregistratie Adressen en Gebouwen), in which a partner that has it looks addresses up.

`take_in` makes one table of an extract: each address in the one form that is hashed, with the number of its object. Columns are
called as in bag-light.gpkg of PDOK (tables `verblijfsobject`, `ligplaats`, `standplaats`), or as in the CSV of NLExtract.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from lsi_match.base.duckdb_locked import locked_connection
from lsi_match.base.errors import LsiError, words, wrong
from lsi_match.base.files import FileMissingError, private_folder, whole_file
from lsi_match.manifest import IdentifierSource, Partner
from lsi_match.manifest.identifiers import IdentifierForm, IdentifierKind
from lsi_match.partner.home import Home
from lsi_match.partner.normalise import normalise
from lsi_match.tables.database import SQLITE
from lsi_match.tables.source import Asked, open_source
from lsi_match.tables.unreadable import TableUnreadable

#: Part → how extracts call it. The number is that of the object: most registers hold that, not the one of the address.
_COLUMNS = {
    "bag": ("object_id", "adresseerbaarobject_id", "identificatie"),
    "postcode": ("postcode",),
    "house": ("huisnummer",),
    "letter": ("huisletter",),
    "addition": ("huisnummertoevoeging", "toevoeging"),
    "status": ("verblijfsobjectstatus", "status"),
}
_NEEDED = ("bag", "postcode", "house", "letter", "addition")
_TABLES = ("verblijfsobject", "ligplaats", "standplaats")
#: Of what is no longer, or never came to be: `Verblijfsobject ingetrokken`, `Niet gerealiseerd verblijfsobject`.
_ENDED = "(?i)ingetrokken|niet gerealiseerd|ten onrechte"
_PIECE = 250_000
_FILE = "bag.parquet"
_ADDRESS = IdentifierSource(kind=IdentifierKind.ADDRESS, fields=("postcode", "house", "letter", "addition"))


@dataclass(frozen=True)
class TakenIn:
    """What became of the rows of an extract: those of objects that ended, those that are no address with a postcode, addresses of
    more than one object, and addresses that can be found. `version` is the digest of the extract."""

    version: str
    rows: int
    ended: int
    useless: int
    ambiguous: int
    kept: int


def take_in(file: Path, home: Home) -> TakenIn:
    """Keep the addresses of the extract in `file`, instead of those that are kept now.

    Raises:
        FileMissingError, NotTheBagError: it is not there, or cannot be read as one.
    """
    if not file.is_file():
        raise FileMissingError(file=str(file))
    rows = ended = useless = 0
    pieces = [pl.DataFrame(schema={"address": pl.String, "bag": pl.String})]
    for piece in _pieces(file):
        rows += len(piece)
        current = piece.filter(~pl.col("status").fill_null("").str.contains(_ENDED))
        ended += len(piece) - len(current)
        number = IdentifierSource(kind=IdentifierKind.BAG, fields=("bag",))
        made = pl.DataFrame(
            {"address": normalise(current, _ADDRESS).values, "bag": normalise(current, number).values}
        )
        pieces.append(made.drop_nulls())
        useless += len(current) - len(pieces[-1])
    every = pl.concat(pieces, rechunk=True).unique()
    once = every.filter(pl.col("address").is_unique()).sort("address")
    ambiguous = every.get_column("address").n_unique() - len(once)
    with file.open("rb") as handle:
        version = f"sha256:{hashlib.file_digest(handle, 'sha256').hexdigest()}"
    private_folder(home.folder)
    with whole_file(home.folder / _FILE) as out:
        once.write_parquet(out, metadata={"version": version})
    return TakenIn(version, rows, ended, useless, ambiguous, len(once))


def _pieces(file: Path) -> Iterator[pl.DataFrame]:
    """The parts of the addresses as text, table by table."""
    in_database = file.suffix in SQLITE
    problem: TableUnreadable | None = None
    read = 0
    for table in _TABLES if in_database else (None,):
        con = locked_connection([file.parent])
        try:
            source = open_source(con, file, Asked(table=table))
            there = {name.lower(): name for name in source.names}
            named = {part: next((there[one] for one in names if one in there), None) for part, names in _COLUMNS.items()}  # fmt: skip
            if lacking := [_COLUMNS[part][0] for part in _NEEDED if named[part] is None]:
                what = ", ".join(lacking)
                raise LsiError("NotTheBagError", file=file.name, **wrong("partner.no_column", what=what))
            parts = [part for part, column in named.items() if column is not None]
            source.lay(con, [str(named[part]) for part in parts])
            texts = [f"c{at}::VARCHAR AS {part}" for at, part in enumerate(parts)]
            texts += [] if "status" in parts else ["NULL::VARCHAR AS status"]
            with con.sql(f"SELECT {', '.join(texts)} FROM raw").to_arrow_reader(_PIECE) as reader:
                for batch in reader:
                    read += 1
                    yield pl.DataFrame(pl.from_arrow(batch))
        except TableUnreadable as error:
            problem = error
        except (duckdb.Error, pa.ArrowException):
            problem = TableUnreadable("broken_off")
        finally:
            con.close()
    # A GeoPackage need not have all of the tables.
    if problem is not None and not (in_database and read):
        raise LsiError(
            "NotTheBagError", file=file.name, **words("problem", problem.text("nl"), problem.text("en"))
        )


@dataclass(frozen=True)
class Bag:
    """The BAG that was taken in."""

    file: Path

    @classmethod
    def wanted(cls, partner: Partner, home: Home | None) -> Bag | None:
        """That of a partner some selection of which looks addresses up.

        Raises:
            BagMissingError: it is not there.
        """
        for selection in partner.selections:
            if any(one.form is IdentifierForm.ADDRESS for one in selection.identifiers):
                if home is None or not (home.folder / _FILE).is_file():
                    raise LsiError(
                        "BagMissingError", partner=home.name if home else "-", selection=selection.id
                    )
                return cls(home.folder / _FILE)
        return None

    @property
    def version(self) -> str:
        """The digest of the extract that it was taken from."""
        return pl.read_parquet_metadata(self.file)["version"]

    @cached_property
    def _table(self) -> tuple[np.ndarray, pl.DataFrame]:
        """The hashes of the addresses in order, and the addresses and numbers in that order."""
        frame = pl.read_parquet(self.file)
        heads = frame.get_column("address").hash()
        order = heads.arg_sort()
        return heads.gather(order).to_numpy(), frame[order]

    def lookup(self, addresses: pl.Series) -> pl.Series:
        """The numbers of addresses in their one form; null where there is none."""
        heads, frame = self._table
        if not len(frame):
            return pl.Series([None], dtype=pl.String).new_from_index(0, len(addresses))
        places = np.minimum(np.searchsorted(heads, addresses.hash().to_numpy()), len(heads) - 1)
        found = frame[places]
        same = found.get_column("address") == addresses
        return found.select(pl.when(pl.lit(same)).then("bag")).to_series()
