"""However a right extract is written, it gives the same selection and the same identifiers, or a refusal that says what to
do; never another drop. One extract of each example project, written in every way that registers and spreadsheets know."""

from __future__ import annotations

import csv
import io
import sqlite3
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from criteria.postgres import Postgres, copied, postgres  # noqa: F401

from lsi_match.base.duckdb_locked import locked_connection
from lsi_match.base.errors import LsiError
from lsi_match.base.yaml_positions import parse_yaml, read_yaml
from lsi_match.manifest import Manifest, complete_draft
from lsi_match.partner.drop_rows import identified
from lsi_match.partner.extract import opened as opened_
from lsi_match.partner.extract.column_mapping import ColumnMapping, SelectionMapping
from lsi_match.partner.extract.problems import ExtractProblemsError
from lsi_match.partner.select import RECORD_ID, SelectionTask, select
from lsi_match.tables import csv_batches

CONFIGS = Path(__file__).parents[2] / "configs"
DAY = date(2026, 10, 1)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A right extract: each value as it is, and how it is declared; the first column is the own record id.

    Attributes:
        project, partner, selection: whose it is.
        rows: column → text, whole number, decimal, date, truth value or nothing.
        numbers: columns of text that hold nothing but digits → how many.
    """

    project: str
    partner: str
    selection: str
    rows: list[Row]
    numbers: dict[str, int]

    @property
    def columns(self) -> list[str]:
        return list(self.rows[0])

    def of(self, *kinds: type) -> list[str]:
        """The columns that hold values of these types."""
        return [c for c in self.columns if any(type(row[c]) in kinds for row in self.rows)]


def _uwv() -> Table:
    rows: list[Row] = [
        {
            "UITK_ID": f"dossiér-{n:03}", "BSN": ("999990019", "999990020", "012345672", "999990044")[n % 4],
            "GEB_DAT": date(1950 + n % 50, 1 + n % 12, 1 + n % 28), "SRT_UITK": ("WW", "WIA", "ZW", "WAO")[n % 3 + n % 7 // 6],
            "DT_INGANG": date(2024, 1 + n % 12, 1 + n % 28), "DT_EINDE": date(2026, 10, 1 + n % 28) if n % 3 else None,
            "DAGBEDRAG": Decimal(n * 137 % 20000) / 100 if n % 9 else Decimal("1332.00"),
            "INK_OPGAVE": None if n % 4 == 0 else n * 31 % 1500,
        }
        for n in range(60)
    ]  # fmt: skip
    return Table("samenloop", "uwv", "uitkering", rows, {"BSN": 9})


def _svb() -> Table:
    rows: list[Row] = [
        {
            "kenmerk": f"S{n:04}", "pc": f"7604{'ABC'[n % 3]}Z" if n % 5 else "1011AA", "hnr": str(n % 30 + 1),
            "hltr": "A" if n % 4 == 0 else None, "htoev": "bis" if n % 6 == 0 else None, "bewoners": n % 6,
            "regeling": ("AOW", "AIO", "ANW")[n % 3], "leefvorm": "ALLEEN" if n % 2 else "SAMEN",
            "einde": None if n % 2 else date(2026, 9, 20 + n % 10),
        }
        for n in range(60)
    ]  # fmt: skip
    return Table("wijk", "svb", "aow_adres", rows, {})


def _noord() -> Table:
    rows: list[Row] = [
        {
            "rec_id": f"rec-{n}-org", "given_name": ("Renée", "Jörg", "Anna", "Zoë")[n % 4], "surname": f"Müller{'abcd'[n % 4]}",
            "date_of_birth": f"{1940 + n}{1 + n % 12:02}{1 + n % 28:02}", "postcode": f"{800 + n * 40:04}", "street_number": str(n + 1),
            "address_1": f"'s-Gravenweg {'abc'[n % 3]}", "suburb": "Zandstad" if n % 5 else None,
        }
        for n in range(40)
    ]  # fmt: skip
    return Table("febrl4", "noord", "iedereen", rows, {"postcode": 4})


TABLES = [_uwv(), _svb(), _noord()]


def manifest(project: str) -> Manifest:
    draft = read_yaml((CONFIGS / project / "manifest.yaml").read_text(), "manifest.yaml")
    keys = {
        n: {"signing_key": f"{i:064x}", "encryption_key": f"age1{i:058d}"}
        for i, n in enumerate([*draft["controllers"], "matcher"], 1)
    }
    return Manifest.model_validate(complete_draft(draft, keys, "0" * 32))


MANIFESTS = {table.project: manifest(table.project) for table in TABLES}
MAPPINGS = {
    table.project: parse_yaml(
        (CONFIGS / table.project / "mappings" / f"{table.partner}.yaml").read_text(),
        "mapping.yaml",
        ColumnMapping,
    ).selections[table.selection]
    for table in TABLES
}


def outcome(table: Table, folder: Path, file: str, said: dict[str, Any]) -> Any:
    """What is selected and counted, and every identifier and person key that would be hashed."""
    local = SelectionMapping.model_validate(
        {**MAPPINGS[table.project].model_dump(by_alias=True), "extract": file, **said}
    )
    agreed = MANIFESTS[table.project]
    (chosen,) = [one for one in agreed.partners[table.partner].selections if one.id == table.selection]
    selected = select(SelectionTask(table.partner, chosen, local, folder, agreed, DAY))
    frame = pl.DataFrame(pl.from_arrow(selected.table))
    fields = [name for source in chosen.identifiers for name in source.fields] + list(chosen.person.values())
    columns = {name: frame.get_column(name).to_list() for name in frame.columns if name not in fields}
    identifiers, _ = identified(agreed, chosen, frame, DAY)
    columns |= {name: found.to_list() for name, found in identifiers.items()}
    rows = sorted(map(repr, zip(*columns.values(), strict=True)))
    return (
        selected.read,
        selected.after,
        selected.with_signal,
        sorted(selected.met.items()),
        sorted(selected.unknown.items()),
        list(columns),
        rows,
    )


@dataclass(frozen=True)
class Way:
    """A way to write an extract.

    Attributes:
        write: writes the table into the folder, and says the file and what the mapping says besides.
        of: which columns it is about: a refusal names one of them. Without any, a refusal need not name a column.
    """

    name: str
    write: Callable[[Table, Path], tuple[str, dict[str, Any]]]
    of: Callable[[Table], Sequence[str]] = lambda table: ()
    must: str = ""


WAYS: list[Way] = []


def way(must: str = "", of: Callable[[Table], Sequence[str]] = lambda table: ()) -> Callable[[Any], Any]:
    def added(write: Any) -> Any:
        WAYS.append(Way(write.__name__, write, of, must))
        return write

    return added


def dates(table: Table) -> Sequence[str]:
    return table.of(date)


def numbers(table: Table) -> Sequence[str]:
    return [*table.numbers, *table.of(int, Decimal)]


def texts(table: Table) -> Sequence[str]:
    return table.of(str)


# CSV.


def plain(value: Any) -> str:
    return "" if value is None else "ja" if value is True else "nee" if value is False else str(value)


@dataclass(frozen=True)
class Csv:
    """How a CSV is written; `cell` writes one value, given its column."""

    separator: str = ";"
    end: str = "\r\n"
    encoding: str = "utf-8"
    quoting: int = csv.QUOTE_MINIMAL
    before: str = ""
    after: str = ""
    cell: Callable[[str, Any], str] = lambda column, value: plain(value)
    header: Callable[[list[str]], list[str]] = lambda names: names
    extra: Callable[[list[str]], list[str]] = lambda row: row
    said: dict[str, Any] = field(default_factory=dict)

    def write(self, table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=self.separator, lineterminator=self.end, quoting=self.quoting)  # type: ignore[arg-type]
        writer.writerow(self.extra(self.header(table.columns)))
        for row in table.rows:
            writer.writerow(self.extra([self.cell(column, value) for column, value in row.items()]))
        (folder / "e.csv").write_bytes(
            (self.before + text.getvalue() + self.after).encode(self.encoding, "replace")
        )
        return "e.csv", dict(self.said)


def csv_way(name: str, must: str = "", of: Any = lambda table: (), **how: Any) -> None:
    WAYS.append(Way(name, Csv(**how).write, of, must))


def typed(kind: type | tuple[type, ...], form: Callable[[Any], str]) -> Callable[[str, Any], str]:
    """Values of a type written as `form` says."""
    return lambda _, value: (
        form(value)
        if value is not None and isinstance(value, kind) and not isinstance(value, bool)
        else plain(value)
    )


SAME, REFUSED = "same", "refused"
for sign, called in ((",", "comma"), ("\t", "tab"), ("|", "bar")):
    csv_way(f"csv_{called}", SAME, separator=sign)
csv_way("csv_line_feeds", SAME, end="\n")
csv_way("csv_carriage_returns", end="\r")
csv_way("csv_all_quoted", SAME, quoting=csv.QUOTE_ALL)
csv_way("csv_texts_quoted", SAME, quoting=csv.QUOTE_NONNUMERIC)
csv_way("csv_mark", SAME, encoding="utf-8-sig")
csv_way("csv_utf_16", SAME, encoding="utf-16")
csv_way("csv_utf_16_unmarked", encoding="utf-16-le")
csv_way("csv_windows_1252", encoding="cp1252", of=texts)
csv_way("csv_windows_1252_said", encoding="cp1252", said={"encoding": "windows-1252"}, of=texts)
csv_way("csv_utf_8_said_windows_1252", said={"encoding": "windows-1252"}, of=texts)
csv_way("csv_mark_said_windows_1252", encoding="utf-8-sig", said={"encoding": "windows-1252"})
csv_way("csv_sep_line", SAME, before="sep=;\r\n")
csv_way("csv_sep_comma", SAME, before="sep=,\r\n", separator=",")
csv_way("csv_title", SAME, before="Uitdraai register; peildatum 1 oktober\r\n\r\n")
csv_way("csv_title_with_names", SAME, before="Register;BSN\r\n")
csv_way("csv_blank_lines_after", SAME, after="\r\n\r\n\r\n")
csv_way("csv_total_after", after="Totaal;60\r\n")
csv_way("csv_spaces_in_header", SAME, header=lambda names: [f" {name} " for name in names])


@way(SAME)
def csv_other_case_beside(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    """Of every column another, whose name differs in nothing but capitals."""
    others = [name for name in table.columns if name.swapcase() not in table.columns]
    lines = [[*(n.swapcase() for n in others), *table.columns]]
    lines += [["x"] * len(others) + list(map(plain, row.values())) for row in table.rows]
    (folder / "e.csv").write_text("\n".join(map(";".join, lines)) + "\n")
    return "e.csv", {}


csv_way(
    "csv_header_twice",
    header=lambda names: [*names, names[1]],
    extra=lambda row: row if len(row) > 8 else [*row, "x"],
    must="",
)
csv_way("csv_separator_at_the_end", SAME, extra=lambda row: [*row, ""])
csv_way("csv_other_columns_between", SAME, extra=lambda row: [row[0], "iets; anders", *row[1:]])
csv_way("csv_line_breaks_in_others", SAME, extra=lambda row: [*row, "twee\nregels"])
csv_way("csv_spaces_around", SAME, cell=lambda c, v: f"  {plain(v)} ")
csv_way("csv_no_break_spaces", SAME, cell=lambda c, v: f"\u00a0{plain(v)}\u00a0")
FORMS = (
    "%d-%m-%Y", "%Y%m%d", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y", "%d-%m-%y", "%Y-%m-%d 00:00:00",
    "%Y-%m-%dT00:00:00.000", "%d %B %Y", "%d-%m-%Y 00:00",
)  # fmt: skip
for number, form in enumerate(FORMS):
    csv_way(f"csv_dates_{number}", cell=typed(date, lambda v, form=form: v.strftime(form)), of=dates)  # type: ignore[misc]
csv_way("csv_dates_without_zeros", SAME, cell=typed(date, lambda v: f"{v.day}-{v.month}-{v.year}"))


def _midnight(value: date) -> datetime:
    return datetime(value.year, value.month, value.day, tzinfo=AMSTERDAM)


csv_way(
    "csv_instants",
    REFUSED,
    cell=typed(date, lambda v: _midnight(v).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
    of=dates,
)
csv_way("csv_instants_offset", cell=typed(date, lambda v: _midnight(v).isoformat()), of=dates)
csv_way("csv_decimal_comma", SAME, cell=typed(Decimal, lambda v: str(v).replace(".", ",")))
csv_way(
    "csv_thousands_dot",
    cell=typed((Decimal, int), lambda v: f"{v:,}".translate(str.maketrans(",.", ".,"))),
    of=numbers,
)
csv_way(
    "csv_thousands_dot_cut",
    cell=typed((Decimal, int), lambda v: f"{v:,.0f}".replace(",", ".") if v == int(v) else str(v)),
    of=numbers,
)
csv_way("csv_thousands_comma", cell=typed((Decimal, int), lambda v: f"{v:,}"), of=numbers)
csv_way("csv_three_decimals", cell=typed(Decimal, lambda v: f"{v:.3f}"), of=numbers)
csv_way("csv_four_decimals", SAME, cell=typed(Decimal, lambda v: f"{v:.4f}"))
csv_way("csv_exponents", cell=typed((Decimal, int), lambda v: f"{float(v):.2e}"), of=numbers)
csv_way("csv_whole_with_decimals", SAME, cell=typed(int, lambda v: f"{v}.00"))
csv_way("csv_euros", cell=typed(Decimal, lambda v: f"€ {v}"), of=numbers)
csv_way("csv_signs", SAME, cell=typed(int, lambda v: f"+{v}"))


def with_gaps(table: Table) -> Sequence[str]:
    return [c for c in table.columns if any(row[c] is None for row in table.rows)]


def instead(word: str) -> Callable[[str, Any], str]:
    """This word where there is nothing."""
    return lambda _, value: word if value is None else plain(value)


for word in ("NULL", "\\N", "NA", "nan", "None", "#N/B", "<NA>", "(null)"):
    csv_way(f"csv_nothing_as_{word}", REFUSED, with_gaps, cell=instead(word))
for word in ("-", "n.v.t."):
    csv_way(f"csv_nothing_as_{word}", of=with_gaps, cell=instead(word))
csv_way(
    "csv_nothing_said", SAME, cell=lambda c, v: "NULL" if v is None else plain(v), said={"reading": "empty"}
)


@way()
def csv_float_numbers(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    return Csv(cell=lambda c, v: f"{float(v)}" if c in table.numbers else plain(v)).write(table, folder)


@way(SAME)
def csv_float_numbers_said(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    file, _ = Csv(cell=lambda c, v: f"{float(v)}" if c in table.numbers else plain(v)).write(table, folder)
    return file, {"reading": _whole_numbers(table)}


@way()
def csv_scientific_numbers(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    return Csv(cell=lambda c, v: f"{float(v):.8E}" if c in table.numbers else plain(v)).write(table, folder)


def _whole_numbers(table: Table) -> dict[str, Any]:
    fields = {column: name for name, column in MAPPINGS[table.project].columns.items()}
    return {fields[c]: {"as": "whole_number", "digits": digits} for c, digits in table.numbers.items()}


def _empty(table: Table) -> dict[str, Any]:
    return {name: {"empty": ["NULL"]} for name in [RECORD_ID, *MAPPINGS[table.project].columns]}


@way(SAME)
def csv_line_break_in_a_name(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    """In a column that nobody uses, and in so many rows that blocks end in it."""
    return Csv(extra=lambda row: [*row, "een lange\r\ntoelichting " * 20]).write(table, folder)


@way()
def csv_two_stray_quotes(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    """They swallow the rows between them, unless somebody looks."""
    file, said = Csv().write(table, folder)
    lines = (folder / file).read_bytes().decode().split("\r\n")
    for at in (4, 9):
        cells = lines[at].split(";")
        cells[3] = f'"{cells[3]}' if at == 4 else f'{cells[3]}"'
        lines[at] = ";".join(cells)
    (folder / file).write_text("\r\n".join(lines), newline="")
    return file, said


@way(SAME)
def csv_quotes_inside(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    lines = [[*table.columns, "x"], *([*map(plain, row.values()), 'zo "genaamd"'] for row in table.rows)]
    (folder / "e.csv").write_text("\n".join(map(";".join, lines)))
    return "e.csv", {}


@way(SAME)
def csv_empty_rows_after(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    return Csv(after=(";" * (len(table.columns) - 1) + "\r\n") * 3).write(table, folder)


@way()
def csv_two_files_after_each_other(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    Csv().write(replace(table, rows=table.rows[:30]), folder)
    first = (folder / "e.csv").read_bytes()
    Csv().write(replace(table, rows=table.rows[30:]), folder)
    (folder / "e.csv").write_bytes(first + (folder / "e.csv").read_bytes())
    return "e.csv", {}


@way()
def csv_a_row_short(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    file, said = Csv().write(table, folder)
    lines = (folder / file).read_bytes().decode().split("\r\n")
    lines[7] = lines[7].rsplit(";", 1)[0]
    (folder / file).write_text("\r\n".join(lines), newline="")
    return file, said


@way(of=texts)
def csv_mojibake(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    return Csv(cell=lambda c, v: plain(v).encode().decode("cp1252", "replace")).write(table, folder)


@way(of=texts)
def csv_letters_lost(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    return Csv(cell=lambda c, v: plain(v).encode().decode("ascii", "replace")).write(table, folder)


# What programs and people do to it on the way.


def of_digits(form: Callable[[str], str]) -> Any:
    """Numbers of fixed length written as `form` says."""
    return lambda table, folder: Csv(
        cell=lambda c, v: form(plain(v)) if c in table.numbers and v else plain(v)
    ).write(table, folder)


def numbered(table: Table) -> Sequence[str]:
    return list(table.numbers) if table.project == "samenloop" else ()


for called, form in (
    ("formula", '="{}"'.format), ("apostrophe", "'{}".format), ("two_zeros", "{}.00".format), ("comma_zero", "{},0".format),
    ("comma_groups", lambda v: f"{int(v):,}"), ("direction_marks", "\u200e{}".format), ("zero_width", "{}\u200b".format),
    ("marked_inside", lambda v: f"{v[:3]}\u00ad{v[3:]}"),
):  # fmt: skip
    WAYS.append(Way(f"csv_number_{called}", of_digits(form), numbered))
for called, form in (
    ("zero_width", "{}\u200b".format),
    ("mark", "\ufeff{}".format),
    ("soft_hyphen", lambda v: f"{v[:1]}\u00ad{v[1:]}"),
):
    csv_way(f"csv_text_{called}", cell=typed(str, form), of=texts)
csv_way("csv_single_quotes", cell=lambda c, v: f"'{plain(v)}'")
csv_way("csv_dos", encoding="cp850", of=texts)
csv_way("csv_dos_said_windows_1252", encoding="cp850", said={"encoding": "windows-1252"}, of=texts)
csv_way("csv_question_marks", encoding="ascii", of=texts)
csv_way("csv_entities", cell=typed(str, lambda v: v.encode("ascii", "xmlcharrefreplace").decode()))
csv_way("csv_twice_returned", end="\r\r\n")
csv_way("csv_zero_days", cell=lambda c, v: "0000-00-00" if v is None else plain(v))
csv_way("csv_comment", SAME, before="# uitdraai van 1 oktober\n")
csv_way("csv_end_of_file_mark", after="\x1a")
csv_way("csv_zone_after_day", cell=typed(date, lambda v: f"{v}+02:00"), of=dates)
csv_way("csv_fourteen_digits", cell=typed(date, lambda v: f"{v:%Y%m%d}000000"), of=dates)
csv_way("csv_words_for_days", cell=typed(date, lambda v: v.strftime("%a %d %b %Y")), of=dates)
csv_way("csv_minus_behind", cell=typed((int, Decimal), lambda v: f"{v}-"), of=numbers)
csv_way("csv_spaced_thousands", cell=typed((int, Decimal), lambda v: f"{v:,}".replace(",", " ")), of=numbers)


@way(SAME)
def csv_columns_turned_around(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    return Csv().write(replace(table, rows=[dict(reversed(row.items())) for row in table.rows]), folder)


@way(SAME)
def csv_rows_in_another_order(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    return Csv().write(replace(table, rows=table.rows[::-1]), folder)


# Parquet.


def frame(table: Table) -> pa.Table:
    def column(name: str) -> pa.Array:
        values = [row[name] for row in table.rows]
        if any(isinstance(v, Decimal) for v in values):
            return pa.array(values, pa.decimal128(12, 2))
        return pa.array(values)

    return pa.table({name: column(name) for name in table.columns})


def parquet(
    change: Callable[[Table, str, pa.Array], pa.Array], file: str = "e.parquet", **options: Any
) -> Any:
    def write(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
        made = frame(table)
        columns = {
            name: change(table, name, made.column(name).combine_chunks()) for name in made.column_names
        }
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), folder / file, **options)
        return file, {}

    return write


def parquet_way(
    name: str, change: Any, must: str = "", of: Any = lambda table: (), said: Any = None, **options: Any
) -> None:
    write = parquet(change, **options)
    WAYS.append(Way(name, (lambda t, f: (write(t, f)[0], said(t))) if said else write, of, must))


def only(kind: Callable[[pa.DataType], bool], to: Callable[[pa.Array], pa.Array]) -> Any:
    return lambda table, name, column: to(column) if kind(column.type) else column


def of_numbers(to: Callable[[pa.Array], pa.Array]) -> Any:
    return lambda table, name, column: to(column) if name in table.numbers else column


def _at_midnight(column: pa.Array, zone: str | None) -> pa.Array:
    values = [
        None if v is None else (_midnight(v) if zone else datetime(v.year, v.month, v.day))
        for v in column.to_pylist()
    ]
    return pa.array(values, pa.timestamp("us", tz=zone))


def instants(column: pa.Array) -> pa.Array:
    return _at_midnight(column, "Europe/Amsterdam")


def without_zone(column: pa.Array) -> pa.Array:
    return instants(column).cast(pa.timestamp("us"))


def in_windows_1252(column: pa.Array) -> pa.Array:
    """Text that says it is UTF-8."""
    raw = [None if value is None else value.encode("cp1252", "replace") for value in column.to_pylist()]
    return pa.Array.from_buffers(pa.string(), len(column), pa.array(raw, pa.binary()).buffers())


def zones(table: Table) -> dict[str, Any]:
    return {"reading": {name: {"zone": "Europe/Amsterdam"} for name in MAPPINGS[table.project].columns}}


is_number = pa.types.is_decimal
in_cents = of_numbers(lambda c: c.cast(pa.int64()).cast(pa.decimal128(24, 2)))
parquet_way("parquet", lambda t, n, c: c, SAME)
parquet_way("parquet_all_text", lambda t, n, c: pa.array([plain(v) for v in c.to_pylist()]), SAME)
parquet_way("parquet_dictionaries", only(pa.types.is_string, lambda c: c.dictionary_encode()), SAME)
parquet_way("parquet_large_strings", only(pa.types.is_string, lambda c: c.cast(pa.large_string())), SAME)
parquet_way("parquet_double_amounts", only(is_number, lambda c: c.cast(pa.float64())), SAME)
parquet_way("parquet_float_amounts", only(is_number, lambda c: c.cast(pa.float32())))
parquet_way("parquet_double_counts", only(pa.types.is_integer, lambda c: c.cast(pa.float64())), SAME)
parquet_way("parquet_small_counts", only(pa.types.is_integer, lambda c: c.cast(pa.int16())), SAME)
parquet_way("parquet_decimal_counts", only(pa.types.is_integer, lambda c: c.cast(pa.decimal128(38, 0))), SAME)
parquet_way(
    "parquet_counts_in_cents", only(pa.types.is_integer, lambda c: c.cast(pa.decimal128(38, 2))), SAME
)
parquet_way("parquet_amounts_in_ten_decimals", only(is_number, lambda c: c.cast(pa.decimal128(30, 10))), SAME)
parquet_way("parquet_whole_numbers", of_numbers(lambda c: c.cast(pa.int64())), of=numbers)
parquet_way(
    "parquet_unsigned_numbers", of_numbers(lambda c: c.cast(pa.int64()).cast(pa.uint32())), of=numbers
)
parquet_way("parquet_double_numbers", of_numbers(lambda c: c.cast(pa.float64())), of=numbers)
parquet_way("parquet_decimal_numbers", in_cents, of=numbers)
parquet_way(
    "parquet_double_numbers_said",
    of_numbers(lambda c: c.cast(pa.float64())),
    SAME,
    said=lambda t: {"reading": _whole_numbers(t)},
)
parquet_way("parquet_decimal_numbers_said", in_cents, SAME, said=lambda t: {"reading": _whole_numbers(t)})  # fmt: skip
parquet_way(
    "parquet_whole_numbers_said",
    of_numbers(lambda c: c.cast(pa.int64())),
    SAME,
    said=lambda t: {"reading": _whole_numbers(t)},
)
parquet_way("parquet_bytes", only(pa.types.is_string, lambda c: c.cast(pa.binary())), of=texts)
parquet_way("parquet_windows_1252", only(pa.types.is_string, in_windows_1252), of=texts)  # fmt: skip
parquet_way("parquet_timestamps", only(pa.types.is_date, lambda c: _at_midnight(c, None)), SAME)
parquet_way("parquet_nanoseconds", only(pa.types.is_date, lambda c: c.cast(pa.timestamp("ns"))), SAME)
parquet_way("parquet_seconds", only(pa.types.is_date, lambda c: c.cast(pa.timestamp("s"))), SAME)
parquet_way("parquet_instants", only(pa.types.is_date, instants), of=dates)
parquet_way(
    "parquet_instants_said",
    only(pa.types.is_date, instants),
    SAME,
    said=zones,
)
parquet_way("parquet_utc_without_a_word", only(pa.types.is_date, without_zone), of=dates)  # fmt: skip
parquet_way("parquet_int96", only(pa.types.is_date, without_zone), of=dates, use_deprecated_int96_timestamps=True)  # fmt: skip
parquet_way("parquet_int96_said", only(pa.types.is_date, without_zone), SAME, said=zones, use_deprecated_int96_timestamps=True)  # fmt: skip
parquet_way("parquet_dates_as_numbers", only(pa.types.is_date, lambda c: pa.array([v and int(f"{v:%Y%m%d}") for v in c.to_pylist()], pa.int32())), SAME)  # noqa: E501  # fmt: skip
parquet_way("parquet_days_since_1970", only(pa.types.is_date, lambda c: c.cast(pa.int32())), of=dates)
parquet_way(
    "parquet_lists", only(pa.types.is_string, lambda c: pa.array([[v] for v in c.to_pylist()])), of=texts
)
parquet_way(
    "parquet_structs",
    only(pa.types.is_string, lambda c: pa.array([{"v": v} for v in c.to_pylist()])),
    of=texts,
)
parquet_way("parquet_small_groups", lambda t, n, c: c, SAME, row_group_size=7)
parquet_way(
    "parquet_a_folder_of_the_kind",
    lambda t, n, c: c,
    SAME,
    file="SRT_UITK=WW/regeling=AOW/suburb=X/e.parquet",
)
parquet_way(
    "parquet_empty_text_for_nothing",
    only(pa.types.is_string, lambda c: pa.array([v or "" for v in c.to_pylist()])),
    SAME,
)


@way(SAME)
def parquet_other_case_before(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    made = frame(table)
    for name in table.columns[1:3]:
        if name.swapcase() != name:
            made = made.add_column(0, name.swapcase(), pa.array(["x"] * len(made)))
    pq.write_table(made, folder / "e.parquet")
    return "e.parquet", {}


@way()
def parquet_nan_for_nothing(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    made = frame(table)
    columns = {
        n: pa.array([float("nan") if v is None else float(v) for v in c.to_pylist()])
        if pa.types.is_integer(c.type)
        else c
        for n, c in zip(made.column_names, made.columns, strict=True)
    }
    pq.write_table(pa.table(columns), folder / "e.parquet")
    return "e.parquet", {}


# Spreadsheets.


def book(
    cell: Callable[[Any, Any, int, int, str, Any, Table], None],
    before: int = 0,
    sheets: Sequence[str] = ("Blad1",),
) -> Any:
    def write(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
        with xlsxwriter.Workbook(folder / "e.xlsx") as made:
            pages = [made.add_worksheet(name) for name in sheets]
            day = made.add_format({"num_format": "dd-mm-yyyy"})
            for n in range(before):
                pages[-1].write(n, 0, f"Titel {n}")
            pages[-1].write_row(before, 0, table.columns)
            for at, row in enumerate(table.rows, before + 1):
                for place, (name, value) in enumerate(row.items()):
                    if value is not None:
                        cell(pages[-1], day, at, place, name, value, table)
        return "e.xlsx", {}

    return write


def as_it_is(page: Any, day: Any, at: int, place: int, name: str, value: Any, table: Table) -> None:
    if isinstance(value, date):
        page.write_datetime(at, place, datetime(value.year, value.month, value.day), day)
    elif isinstance(value, (int, Decimal)):
        page.write_number(at, place, float(value))
    else:
        page.write_string(at, place, value)


def numbers_too(page: Any, day: Any, at: int, place: int, name: str, value: Any, table: Table) -> None:
    if isinstance(value, str) and value.isdigit():
        page.write_number(at, place, int(value))
    else:
        as_it_is(page, day, at, place, name, value, table)


def some_numbers(page: Any, day: Any, at: int, place: int, name: str, value: Any, table: Table) -> None:
    (numbers_too if at % 2 else as_it_is)(page, day, at, place, name, value, table)


def all_text(page: Any, day: Any, at: int, place: int, name: str, value: Any, table: Table) -> None:
    page.write_string(at, place, plain(value))


def day_numbers(page: Any, day: Any, at: int, place: int, name: str, value: Any, table: Table) -> None:
    if isinstance(value, date):
        page.write_number(at, place, (value - date(1899, 12, 30)).days)
    else:
        as_it_is(page, day, at, place, name, value, table)


def afternoons(page: Any, day: Any, at: int, place: int, name: str, value: Any, table: Table) -> None:
    if isinstance(value, date):
        moment = datetime(value.year, value.month, value.day) - timedelta(hours=2)
        page.write_datetime(at, place, moment, day)
    else:
        as_it_is(page, day, at, place, name, value, table)


def formulas(page: Any, day: Any, at: int, place: int, name: str, value: Any, table: Table) -> None:
    if isinstance(value, int):
        page.write_formula(at, place, f"={value}+0", None, value)
    else:
        as_it_is(page, day, at, place, name, value, table)


WAYS.append(Way("xlsx", book(as_it_is), must=SAME))
WAYS.append(Way("xlsx_numbers", book(numbers_too), lambda t: [*t.numbers, *texts(t)]))
WAYS.append(Way("xlsx_some_numbers", book(some_numbers), lambda t: [*t.numbers, *texts(t)]))
WAYS.append(Way("xlsx_all_text", book(all_text), must=SAME))
WAYS.append(Way("xlsx_title", book(as_it_is, before=3), must=SAME))
WAYS.append(Way("xlsx_day_numbers", book(day_numbers), dates))
WAYS.append(Way("xlsx_moments", book(afternoons), dates))
WAYS.append(Way("xlsx_formulas", book(formulas), must=SAME))
WAYS.append(Way("xlsx_two_sheets", book(as_it_is, sheets=("Uitleg", "Gegevens")), must=""))
WAYS.append(
    Way(
        "xlsx_sheet_named",
        lambda t, f: (book(as_it_is, sheets=("Uitleg", "Gegevens"))(t, f)[0], {"sheet": "Gegevens"}),
        must=SAME,
    )
)


@way(of=lambda t: [*t.numbers, *texts(t)])
def xlsx_numbers_said(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    return book(numbers_too)(table, folder)[0], {"reading": _whole_numbers(table)}


# Databases.


def sqlite(
    types: dict[type, str], value: Callable[[str, Any], Any], file: str = "e.sqlite", table_name: str = "t"
) -> Any:
    def write(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
        with sqlite3.connect(folder / file) as con:
            kinds = {
                c: next((types.get(type(r[c]), "TEXT") for r in table.rows if r[c] is not None), "TEXT")
                for c in table.columns
            }
            columns = ", ".join(f'"{c}" {k}' for c, k in kinds.items())
            con.execute(f"CREATE TABLE t ({columns})")
            rows = [[value(c, v) for c, v in row.items()] for row in table.rows]
            con.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(kinds))})", rows)
        con.close()
        return file, {"table": table_name}

    return write


def _sqlite_value(column: str, value: Any) -> Any:
    return (
        float(value)
        if isinstance(value, Decimal)
        else value.isoformat()
        if isinstance(value, date)
        else value
    )


SQL_TYPES = {int: "INTEGER", Decimal: "REAL"}
WAYS.append(Way("sqlite", sqlite(SQL_TYPES, _sqlite_value), must=SAME))
WAYS.append(Way("sqlite_gpkg", sqlite(SQL_TYPES, _sqlite_value, "e.gpkg"), must=SAME))
WAYS.append(
    Way(
        "sqlite_numeric_texts",
        sqlite({str: "NUMERIC", **SQL_TYPES}, _sqlite_value),
        lambda t: [*t.numbers, *texts(t)],
    )
)
WAYS.append(
    Way(
        "sqlite_real_texts",
        sqlite({str: "REAL", **SQL_TYPES}, _sqlite_value),
        lambda t: [*t.numbers, *texts(t)],
    )
)
WAYS.append(
    Way(
        "sqlite_bytes",
        sqlite(SQL_TYPES, lambda c, v: v.encode() if isinstance(v, str) else _sqlite_value(c, v)),
        texts,
    )
)
WAYS.append(Way("sqlite_no_types", sqlite({int: "", Decimal: "", str: ""}, _sqlite_value), must=SAME))
WAYS.append(Way("sqlite_seconds", sqlite(SQL_TYPES, lambda c, v: int(_midnight(v).timestamp()) if isinstance(v, date) else _sqlite_value(c, v)), dates))  # noqa: E501  # fmt: skip


@way(of=texts)
def sqlite_windows_1252(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    file, said = sqlite(SQL_TYPES, _sqlite_value)(table, folder)
    with sqlite3.connect(folder / file) as con:
        for column in texts(table):
            for number, row in enumerate(table.rows, 1):
                if row[column] is not None:
                    spoiled = str(row[column]).encode("cp1252", "replace")
                    con.execute(
                        f'UPDATE t SET "{column}" = CAST(? AS TEXT) WHERE rowid = ?', (spoiled, number)
                    )
    con.close()
    return file, said


def duck(change: Any = lambda t, n, c: c, select_sql: str = "*") -> Any:
    def write(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
        made = frame(table)
        made = pa.table(
            {name: change(table, name, made.column(name).combine_chunks()) for name in made.column_names}
        )
        with duckdb.connect(str(folder / "e.duckdb")) as con:
            con.register("made", made)
            con.execute(f"CREATE TABLE t AS SELECT {select_sql} FROM made")
        return "e.duckdb", {"table": "t"}

    return write


WAYS.append(Way("duckdb", duck(), must=SAME))
WAYS.append(
    Way("duckdb_hugeint", duck(of_numbers(lambda c: c.cast(pa.int64()).cast(pa.decimal128(38, 0)))), numbers)
)
WAYS.append(Way("duckdb_double_numbers", duck(of_numbers(lambda c: c.cast(pa.float64()))), numbers))
WAYS.append(Way("duckdb_instants", duck(only(pa.types.is_date, instants)), dates))

# More of what programs and people do.


def changed_csv(change: Callable[[bytes], bytes], **how: Any) -> Any:
    """A right file with other bytes."""

    def write(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
        file, said = Csv(**how).write(table, folder)
        (folder / file).write_bytes(change((folder / file).read_bytes()))
        return file, said

    return write


def under_header(data: bytes, word: bytes) -> bytes:
    header, rest = data.split(b"\r\n", 1)
    return header + b"\r\n" + b";".join(word for _ in header.split(b";")) + b"\r\n" + rest


def mixed_ends(data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    return b"".join(line + (b"\n" if at % 2 else b"\r\n") for at, line in enumerate(lines) if line)


for called, write, must in (
    ("nul_bytes", changed_csv(lambda data: data.replace(b"2024", b"20\x0024")), ""),
    ("nul_bytes_after", changed_csv(lambda data: data + b"\0" * 40), ""),
    ("mixed_ends", changed_csv(mixed_ends), SAME),
    ("utf_16_be", changed_csv(lambda data: b"\xfe\xff" + data.decode().encode("utf-16-be")), SAME),
    ("utf_32", changed_csv(lambda data: data.decode().encode("utf-32")), ""),
    ("mark_twice", changed_csv(lambda data: b"\xef\xbb\xbf" * 2 + data), ""),
    ("mark_and_sep", changed_csv(lambda data: b"\xef\xbb\xbfsep=;\r\n" + data), SAME),
    ("rest_of_compressed", changed_csv(lambda data: b"\x1f\x8b" + data), ""),
    ("no_header", changed_csv(lambda data: data.split(b"\r\n", 1)[1]), ""),
    ("utf_7", changed_csv(lambda data: data.decode().encode("utf-7")), ""),
    ("lines_of_unicode", changed_csv(lambda data: data.replace(b"\r\n", "\u2028".encode())), ""),
    ("lines_of_a_mainframe", changed_csv(lambda data: data.replace(b"\r\n", "\x85".encode())), ""),
    ("line_under_header", changed_csv(lambda data: under_header(data, b"-----")), ""),
):
    WAYS.append(Way(f"csv_{called}", write, must=must))
csv_way("csv_names_missing", header=lambda names: [names[0], "", *names[2:]], of=lambda t: [t.columns[1]])
csv_way("csv_backslash_quotes", extra=lambda row: [*row, "\\"], quoting=csv.QUOTE_ALL)
csv_way("csv_long_field", SAME, extra=lambda row: [*row, "x" * (200_000 if row[0][-1:] == "7" else 1)])
csv_way("csv_swiss_thousands", cell=typed((int, Decimal), lambda v: f"{v:,}".replace(",", "'")), of=numbers)
csv_way("csv_brackets_for_minus", SAME, cell=typed(Decimal, lambda v: f"({-v})" if v < 0 else plain(v)))
csv_way(
    "csv_other_digits",
    cell=typed((int, Decimal), lambda v: plain(v).translate({48 + n: 0x0660 + n for n in range(10)})),
    of=numbers,
)
csv_way(
    "csv_full_width_digits",
    cell=typed((int, Decimal), lambda v: plain(v).translate({48 + n: 0xFF10 + n for n in range(10)})),
    of=numbers,
)
csv_way("csv_no_break_hyphen_days", cell=typed(date, lambda v: f"{v}".replace("-", "\u2011")), of=dates)
csv_way("csv_two_digit_years_first", cell=typed(date, lambda v: f"{v:%y-%m-%d}"), of=dates)
csv_way("csv_twelve_hours", cell=typed(date, lambda v: f"{v:%m/%d/%Y} 12:00:00 AM"), of=dates)


def xlsx_way(
    name: str,
    must: str = "",
    of: Any = lambda table: (),
    options: Any = None,
    page_of: Any = None,
    cell: Any = as_it_is,
) -> None:
    """A spreadsheet with one thing that is done to its page."""

    def write(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
        with xlsxwriter.Workbook(folder / "e.xlsx", options or {}) as made:
            page, day = made.add_worksheet("Blad1"), made.add_format({"num_format": "dd-mm-yyyy"})
            page.write_row(0, 0, table.columns)
            for at, row in enumerate(table.rows, 1):
                for place, (column, value) in enumerate(row.items()):
                    if value is not None:
                        cell(page, day, at, place, column, value, table)
            if page_of is not None:
                page_of(made, page, table)
        return "e.xlsx", {}

    WAYS.append(Way(name, write, of, must))


def as_days(page: Any, day: Any, at: int, place: int, name: str, value: Any, table: Table) -> None:
    """Whole numbers that somebody gave the format of a date."""
    if isinstance(value, int):
        page.write_number(at, place, value, day)
    else:
        as_it_is(page, day, at, place, name, value, table)


def not_calculated(page: Any, day: Any, at: int, place: int, name: str, value: Any, table: Table) -> None:
    """Formulas that no program has calculated: xlsxwriter stores 0, others an empty value."""
    if isinstance(value, int):
        page.write_formula(at, place, f"={value}+0", None, "")
    else:
        as_it_is(page, day, at, place, name, value, table)


def wrong_formula(page: Any, day: Any, at: int, place: int, name: str, value: Any, table: Table) -> None:
    if isinstance(value, int):
        page.write_formula(at, place, f"={value}/0", None, "#DIV/0!")
    else:
        as_it_is(page, day, at, place, name, value, table)


def hidden_sheet(made: Any, page: Any, table: Table) -> None:
    other = made.add_worksheet("Oud")
    other.write_row(0, 0, table.columns)
    other.hide()


def hidden_rows(made: Any, page: Any, table: Table) -> None:
    for at in range(10, 20):
        page.set_row(at, None, None, {"hidden": True})
    page.set_column(1, 1, None, None, {"hidden": True})


def merged(made: Any, page: Any, table: Table) -> None:
    """One value over two rows: the second has none."""
    page.merge_range(1, 1, 2, 1, str(next(iter(table.rows))[table.columns[1]]))


def ints(table: Table) -> Sequence[str]:
    return table.of(int)


xlsx_way("xlsx_1904", SAME, options={"date_1904": True})
xlsx_way("xlsx_numbers_as_days", cell=as_days, of=ints)
xlsx_way("xlsx_formulas_not_calculated", cell=not_calculated, of=ints)
xlsx_way("xlsx_formulas_wrong", cell=wrong_formula, of=ints)
xlsx_way("xlsx_hidden_sheet", page_of=hidden_sheet)
xlsx_way("xlsx_hidden_rows", page_of=hidden_rows)
xlsx_way("xlsx_merged", page_of=merged)


def nested(column: pa.Array) -> pa.Array:
    return pa.array(
        [None if v is None else [(str(v), 1)] for v in column.to_pylist()], pa.map_(pa.string(), pa.int32())
    )


def bad_dictionary(column: pa.Array) -> pa.Array:
    return pa.DictionaryArray.from_arrays(
        in_windows_1252(column).dictionary_encode().indices,
        in_windows_1252(column.dictionary_encode().dictionary),
    )


parquet_way("parquet_maps", only(pa.types.is_string, nested), of=texts)
parquet_way("parquet_decimal_256", only(is_number, lambda c: c.cast(pa.decimal256(50, 2))), of=numbers)
parquet_way(
    "parquet_times_of_day",
    only(pa.types.is_date, lambda c: pa.array([v and 3600 for v in c.to_pylist()], pa.time32("s"))),
    of=dates,
)
parquet_way(
    "parquet_booleans_for_counts",
    only(pa.types.is_integer, lambda c: pa.array([None if v is None else bool(v) for v in c.to_pylist()])),
    of=ints,
)
parquet_way(
    "parquet_fixed_bytes",
    only(
        pa.types.is_string,
        lambda c: pa.array(
            [None if v is None else v.encode()[:4].ljust(4) for v in c.to_pylist()], pa.binary(4)
        ),
    ),
    of=texts,
)
parquet_way(
    "parquet_half_floats", only(is_number, lambda c: c.cast(pa.float32()).cast(pa.float16())), of=numbers
)
WAYS.append(Way("duckdb_enums", duck(only(pa.types.is_string, lambda c: c.dictionary_encode())), must=SAME))


def duck_sql(change: Callable[[str, str], str], view: bool = False) -> Any:
    """A table, or a view, of columns of which `change` makes the SQL from name and type."""

    def write(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
        with duckdb.connect(str(folder / "e.duckdb")) as con:
            con.register("made", frame(table))
            con.execute("CREATE TABLE base AS FROM made")
            described = con.execute("DESCRIBE base").fetchall()
            columns = ", ".join(
                f'{change(chr(34) + name + chr(34), kind)} AS "{name}"' for name, kind, *_ in described
            )
            con.execute(f"CREATE {'VIEW' if view else 'TABLE'} t AS SELECT {columns} FROM base")
        return "e.duckdb", {"table": "t"}

    return write


WAYS.append(Way("duckdb_view", duck_sql(lambda name, kind: name, view=True), must=SAME))
WAYS.append(
    Way(
        "duckdb_huge",
        duck_sql(lambda name, kind: f"{name}::HUGEINT" if kind == "BIGINT" else name),
        must=SAME,
    )
)
WAYS.append(
    Way(
        "duckdb_intervals",
        duck_sql(
            lambda name, kind: (
                f"{name} - DATE '2000-01-01' + INTERVAL 1 DAY"
                if kind == "X"
                else f"to_days(({name} - DATE '2000-01-01')::INTEGER)"
                if kind == "DATE"
                else name
            )
        ),
        dates,
    )
)
WAYS.append(
    Way(
        "duckdb_julian_days",
        duck_sql(lambda name, kind: f"julian({name})" if kind == "DATE" else name),
        dates,
    )
)
WAYS.append(
    Way(
        "sqlite_julian_days",
        sqlite(
            SQL_TYPES, lambda c, v: v.toordinal() + 1721424.5 if isinstance(v, date) else _sqlite_value(c, v)
        ),
        dates,
    )
)
WAYS.append(
    Way(
        "sqlite_mixed",
        sqlite(
            {},
            lambda c, v: (
                int(v) if isinstance(v, str) and v.isdigit() and hash(v) % 2 else _sqlite_value(c, v)
            ),
        ),
        lambda t: [*t.numbers, *texts(t)],
    )
)
WAYS.append(
    Way(
        "sqlite_text_in_blobs_now_and_then",
        sqlite(
            SQL_TYPES,
            lambda c, v: v.encode() if isinstance(v, str) and v.endswith("7") else _sqlite_value(c, v),
        ),
        texts,
    )
)


def coded(table: Table) -> Sequence[str]:
    """Columns of text that nobody normalises: the own record id, and what criteria read."""
    return {"samenloop": ["UITK_ID", "SRT_UITK"], "wijk": ["kenmerk", "regeling"], "febrl4": ["rec_id"]}[
        table.project
    ]


#: What a program leaves in or around a text, which nobody sees or means.
for called, form in {
    "line_feed_after": lambda v: v + "\n",
    "carriage_return_after": lambda v: v + "\r",
    "tab_before": lambda v: "\t" + v,
    "nul_after": lambda v: v + "\0",
    "vertical_tab_after": lambda v: v + "\v",
    "line_separator_after": lambda v: v + "\u2028",
    "control_of_latin_1": lambda v: v + "\x8e",
    "variant_after": lambda v: v + "\ufe0f",
    "tag_after": lambda v: v + "\U000e0041",
    "apostrophe_before": lambda v: "'" + v.split("-")[0],
    "quotes_kept": lambda v: f'"{v}"',
    "escaped_return": lambda v: v + "_x000D_",
    "digits_of_others": lambda v: v + "\u0661",
    "wide_letters": lambda v: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in v),
    "cyrillic_a": lambda v: v.replace("W", "W\u0410").replace("S", "S\u0410").replace("r", "r\u0410"),
}.items():  # fmt: skip

    def write_text(column: str, value: Any, form: Any = form) -> str:
        return (
            form(value)
            if column in ("UITK_ID", "SRT_UITK", "kenmerk", "regeling", "rec_id")
            else plain(value)
        )

    csv_way(f"csv_text_{called}", REFUSED, coded, cell=write_text)


def merged_under(made: Any, page: Any, table: Table) -> None:
    """One value over four rows of a column that is used."""
    page.merge_range(3, 1, 6, 1, str(table.rows[2][table.columns[1]]))


def total_row(made: Any, page: Any, table: Table) -> None:
    page.write_formula(len(table.rows) + 1, len(table.columns) - 1, "=SUM(A1:A9)", None, 99)


def total_in_words(made: Any, page: Any, table: Table) -> None:
    page.write_string(len(table.rows) + 1, 0, "Totaal")


def last_not_calculated(
    page: Any, day: Any, at: int, place: int, name: str, value: Any, table: Table
) -> None:
    """A row of formulas without outcomes, the last of the sheet."""
    if at == len(table.rows):
        page.write_formula(at, place, "=1+1", None, "")
    else:
        as_it_is(page, day, at, place, name, value, table)


xlsx_way("xlsx_merged_under_each_other", REFUSED, lambda t: [t.columns[1]], page_of=merged_under)
xlsx_way("xlsx_total_row", page_of=total_row, of=lambda t: [t.columns[0], t.columns[-1]])
xlsx_way("xlsx_total_row_in_words", REFUSED, lambda t: [t.columns[0]], page_of=total_in_words)
xlsx_way("xlsx_last_row_not_calculated", REFUSED, lambda t: t.columns, cell=last_not_calculated)


for word in ("undefined", "Nil", "NAN", "inf", "#WAARDE!", "9999-12-31"):
    csv_way(f"csv_nothing_as_{word}", of=with_gaps, cell=instead(word))
for called, form in {
    "guillemets": "«{}»".format,
    "low_quotes": "„{}“".format,
    "bytes_of_python": "b'{}'".format,
    "list_of_python": "['{}']".format,
    "superscripts": lambda v: v.translate(dict(zip(map(ord, "0123456789"), "⁰¹²³⁴⁵⁶⁷⁸⁹", strict=True))),
    "tab_inside": lambda v: f"{v[:2]}\t{v[2:]}",
}.items():

    def write_form(column: str, value: Any, form: Any = form) -> str:
        return form(value) if column in ("UITK_ID", "SRT_UITK", "kenmerk", "pc", "rec_id") else plain(value)

    csv_way(f"csv_text_{called}", cell=write_form)
csv_way(
    "csv_capitals_lost", cell=lambda c, v: plain(v).lower() if c in ("SRT_UITK", "regeling") else plain(v)
)


@way()
def csv_of_an_old_mac(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    """Read as windows-1252; the own record id is left as it is."""
    lost = {"é": "Ž", "ö": "š", "ü": "Ÿ", "ë": "\u2018"}
    file, _ = Csv(cell=lambda c, v: "".join(lost.get(one, one) for one in plain(v))).write(table, folder)
    return file, {}


def note(made: Any, page: Any, table: Table) -> None:
    page.write_string(len(table.rows) + 3, 0, "Bron: register")


xlsx_way("xlsx_note_below", REFUSED, lambda t: [t.columns[0]], page_of=note)

for word in ("1900-01-01", "01-01-1900", "18991230", "0001-01-01", "1753-01-01 00:00:00"):
    csv_way(
        f"csv_no_end_as_{word}",
        REFUSED,
        lambda table: [c for c in ("DT_EINDE", "einde") if c in table.columns],
        cell=lambda c, v, word=word: word if v is None and c in ("DT_EINDE", "einde") else plain(v),  # type: ignore[misc]
    )
for called, day in {"day_one": "DATE '1900-01-01'", "before_all": "'-infinity'::DATE"}.items():
    no_end = duck_sql(lambda name, kind, day=day: f"coalesce({name}, {day})" if kind == "DATE" else name)  # type: ignore[misc]
    WAYS.append(Way(f"duckdb_{called}_for_no_day", no_end, with_gaps))
for called, form in {
    "entities_for_letters": lambda v: v.replace("W", "&#87;").replace("A", "&#65;").replace("r", "&#114;"),
    "written_line_feed": "{}\\n".format,
    "full_stop_of_others": "{}\u3002".format,
    "cherokee": lambda v: v.replace("W", "\u13d4").replace("A", "\u13aa").replace("r", "\u13aa"),
    "lisu": lambda v: v.replace("W", "\ua4ea").replace("A", "\ua4ee").replace("r", "\ua4ee"),
}.items():

    def write_code(column: str, value: Any, form: Any = form) -> str:
        return form(value) if column in ("SRT_UITK", "regeling", "rec_id") else plain(value)

    csv_way(f"csv_code_{called}", REFUSED, coded, cell=write_code)
WAYS.append(Way("csv_types_under_header", changed_csv(lambda data: under_header(data, b"varchar"))))
for word in (b"Som", b"Aantal", b"EOF"):

    def with_last(data: bytes, word: bytes = word) -> bytes:
        return data + word + b";" * data.split(b"\r\n")[0].count(b";") + b"\r\n"

    ends = Way(f"csv_ends_with_{word.decode()}", changed_csv(with_last), lambda t: [t.columns[0]], REFUSED)
    WAYS.append(ends)
csv_way("csv_nothing_as_(blank)", REFUSED, with_gaps, cell=instead("(blank)"))


# What no single value shows, and what stands beside a value or in the place of a sign.


def in_codes(form: Callable[[str], str]) -> Callable[[str, Any], str]:
    return lambda c, v: form(plain(v)) if c in ("SRT_UITK", "regeling") else plain(v)


def coded_columns(table: Table) -> Sequence[str]:
    return [c for c in ("SRT_UITK", "regeling") if c in table.columns]


for called, form in {
    "with_description": "{} - omschrijving".format,
    "in_brackets": "Uitkering ({})".format,
    "some_with_description": lambda v: f"{v}: iets" if v in ("WW", "AOW") else v,
    "of_others": lambda v: str(len(v) + 10),
    "cut_off": lambda v: v[:2],
}.items():
    csv_way(f"csv_code_{called}", REFUSED, coded_columns, cell=in_codes(form))


@way(SAME)
def csv_code_with_description_said(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    file, _ = Csv(cell=in_codes("{} - omschrijving".format)).write(table, folder)
    fields = [f for f, c in MAPPINGS[table.project].columns.items() if c in coded_columns(table)]
    # A code that was not agreed has its description still: it is none of the agreed ones either way.
    return file, {"reading": {name: {"letters": "code"} for name in fields}}


def amounts(table: Table) -> Sequence[str]:
    return table.of(Decimal)


def in_cents_said(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    file, _ = Csv(cell=typed(Decimal, lambda v: str(int(v * 100)))).write(table, folder)
    fields = [f for f, c in MAPPINGS[table.project].columns.items() if c in amounts(table)]
    return file, {"reading": {name: {"decimals": 2} for name in fields}}


csv_way("csv_amounts_in_cents", REFUSED, amounts, cell=typed(Decimal, lambda v: str(int(v * 100))))
WAYS.append(Way("csv_amounts_in_cents_said", in_cents_said, must=SAME))
csv_way("csv_counts_in_cents", REFUSED, ints, cell=typed(int, lambda v: str(v * 100)))
csv_way("csv_letter_o", of=lambda t: [*numbers(t), "pc"], cell=lambda c, v: plain(v).replace("0", "O") if c in ("BSN", "postcode", "pc", "bewoners") else plain(v))  # noqa: E501  # fmt: skip
csv_way("csv_letter_l", of=numbers, cell=typed((int, Decimal), lambda v: str(v).replace("1", "l")))


def asked_empty(table: Table) -> Sequence[str]:
    return [c for c in ("INK_OPGAVE", "DT_EINDE", "einde") if c in table.columns]


for word in ("0", "-9", "9999", "99991231"):
    csv_way(f"csv_no_number_as_{word}", REFUSED, lambda t: [c for c in t.columns if c == "INK_OPGAVE"], cell=lambda c, v, word=word: word if v is None and c == "INK_OPGAVE" else plain(v))  # type: ignore[misc]  # noqa: E501  # fmt: skip
for word in ("1970-01-01", "1904-01-01", "1111-11-11"):
    csv_way(f"csv_no_end_as_{word}", REFUSED, lambda t: [c for c in asked_empty(t) if c != "INK_OPGAVE"], cell=lambda c, v, word=word: word if v is None and c in ("DT_EINDE", "einde") else plain(v))  # type: ignore[misc]  # noqa: E501  # fmt: skip


def with_rows(*rows: Sequence[str], after: bool = True) -> Any:
    """Rows of these cells, and nothing in the other columns, below all others or below the header."""

    def write(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
        file, said = Csv().write(table, folder)
        more = b"".join(";".join([*row, *[""] * 20][: len(table.columns)]).encode() + b"\r\n" for row in rows)
        head, rest = (folder / file).read_bytes().split(b"\r\n", 1)
        (folder / file).write_bytes(head + b"\r\n" + (rest + more if after else more + rest))
        return file, said

    return write


for called, write in {
    "trailer": with_rows(["T", "60"]),
    "count": with_rows(["60"]),
    "count_in_words": with_rows(["Aantal records", "60"]),
    "record_of_type_99": with_rows(["99", "60", "20261001"]),
    "average": with_rows(["Gemiddelde"]),
    "second_table": with_rows(["code", "omschrijving"], ["WW", "Werkloosheid"], ["ZW", "Ziekte"]),
    "units": with_rows(["H", "20261001"], after=False),
}.items():
    WAYS.append(
        Way(f"csv_{called}_row", write, lambda t: [t.columns[0]] if t.project == "febrl4" else (), REFUSED)
    )


@way()
def csv_cut_in_last_value(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
    """After as many bytes as a disk takes at once."""
    short = [name for name in table.columns if name != "INK_OPGAVE"]
    rows = [{name: row[name] for name in short} | {"INK_OPGAVE": 111} for row in table.rows * 9]
    file, said = Csv().write(replace(table, rows=rows) if "INK_OPGAVE" in table.columns else table, folder)
    (folder / file).write_bytes((folder / file).read_bytes()[:-4])
    return file, said


for called, form in {
    "escaped_for_the_web": lambda v: v.replace("-", "%2D") + "%20", "quoted_printable": lambda v: v + "=2D", "quote_behind": '{}"'.format,
    "hyphen_of_others": lambda v: v.replace("-", "\u2011") + "\u2011", "backslashes": "{}\\-1".format,
}.items():  # fmt: skip

    def write_id(column: str, value: Any, form: Any = form) -> str:
        return form(value) if column in ("UITK_ID", "kenmerk", "rec_id") else plain(value)

    csv_way(f"csv_id_{called}", REFUSED, lambda t: [t.columns[0]], cell=write_id)


def last_column(table: Table) -> Sequence[str]:
    return [table.columns[-1]]


# What is empty, or a number shorter than others, can be the start of another value.
WAYS.append(Way("csv_no_last_line_break", changed_csv(bytes.rstrip), last_column))
for lost in range(2, 9):
    # Line end and last bytes: of the last number, of the day before it, of its separator.
    WAYS.append(Way(f"csv_without_its_last_{lost}_bytes", changed_csv(lambda data, lost=lost: data[:-lost])))  # type: ignore[misc]


def with_last_value(value: str, lost: int) -> Any:
    """The last record has `value` in the last column, without its last signs and a line end."""

    def write(table: Table, folder: Path) -> tuple[str, dict[str, Any]]:
        file, said = Csv().write(table, folder)
        lines = (folder / file).read_bytes().rstrip(b"\r\n").decode().split("\r\n")
        lines[-1] = f"{lines[-1].rsplit(';', 1)[0]};{value}"[:-lost]
        (folder / file).write_text("\r\n".join(lines), newline="")
        return file, said

    return write


for called, write in {
    "last_digits": with_last_value("1475", 2),
    "last_day": with_last_value("2026-09-24", 10),
}.items():
    WAYS.append(
        Way(
            f"csv_without_its_{called}",
            lambda table, folder, write=write: (  # type: ignore[misc]
                write(table, folder) if table.project != "febrl4" else Csv(after="\r\n").write(table, folder)
            ),
            last_column,
        )
    )


def in_cents(number: int) -> str:
    """A whole number of euros as cents, of which not all are hundreds."""
    return str(number * 100 + 37)


def incomes_in_cents(column: str, value: Any) -> str:
    return in_cents(value + 26) if column == "INK_OPGAVE" and value is not None else plain(value)


csv_way("csv_counts_in_cents_with_cents", of=ints, cell=incomes_in_cents)


def decomposed(column: str, value: Any) -> str:
    return unicodedata.normalize("NFD", plain(value))


csv_way("csv_all_decomposed", SAME, cell=decomposed)


def with_house(letter: str) -> Any:
    return lambda c, v: f"{v[:-1]}{letter}" if c == "hnr" and v.endswith("0") else plain(v)


for letter in "OIl":
    csv_way(
        f"csv_house_ends_in_{letter}",
        of=lambda t: [c for c in ("hnr",) if c in t.columns],
        cell=with_house(letter),
    )


@pytest.mark.parametrize("name", ["e.xls", "e.xlsb", "e.xlsm", "e.mdb", "e.json", "e.csv.gz", "e.XLSX"])
def test_a_file_that_is_read_by_no_one_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(LsiError, match=r"extract is one of \.csv, .*\.xlsx"):
        parse_yaml(
            f"selections: {{s: {{extract: {name}, record_id: a, columns: {{b: c}}}}}}",
            "mapping.yaml",
            ColumnMapping,
        )


@pytest.fixture(scope="module")
def right() -> dict[str, Any]:
    return {}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Made once, since that takes longer than to read an extract: it reaches all that these tests write."""
    con = locked_connection([tmp_path_factory.getbasetemp()], threads=1)
    yield con
    con.close()


@pytest.fixture
def shared(engine: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Extracts are read in one engine, small blocks at a time; not a file of the engine itself, which stays attached."""
    monkeypatch.setattr(csv_batches, "BLOCK", 700)
    monkeypatch.setattr(
        opened_,
        "locked_connection",
        lambda folders: locked_connection(folders) if (folders[0] / "e.duckdb").exists() else engine.cursor(),
    )


@pytest.mark.parametrize(("at", "one"), enumerate(WAYS), ids=lambda one: getattr(one, "name", ""))
def test_it_is_the_same_or_refused(
    at: int, one: Way, tmp_path: Path, right: dict[str, Any], shared: None
) -> None:
    """A way of writing values, in every table; a form of the file, which is no matter of columns, in the first in turn that it changes."""
    for table in (TABLES[at % 3 :] + TABLES)[:3]:
        (folder := tmp_path / table.project).mkdir()
        wanted = _right(table, folder, right)
        file, said = one.write(table, folder)
        if said.get("reading") == "empty":
            said = {**said, "reading": _empty(table)}
        read = len(right)
        _judged(table, one, folder, file, said, wanted, right)
        if len(right) > read and not any(map(one.of, TABLES)):
            break


def _right(table: Table, folder: Path, known: dict[str, Any]) -> Any:
    if table.project not in known:
        (place := folder / "right").mkdir()
        Csv().write(table, place)
        known[table.project] = outcome(table, place, "e.csv", {})
        assert known[table.project][2] > 5
    return known[table.project]


def _read(table: Table, folder: Path, file: str, said: dict[str, Any], known: dict[str, Any]) -> Any:
    """What is selected, or why it is refused: of the same bytes once, since many ways change nothing in a table without numbers."""
    key = f"{table.project} {file} {sorted(said.items())} {sha256((folder / file).read_bytes()).hexdigest()}"
    if key not in known:
        try:
            known[key] = outcome(table, folder, file, said)
        except LsiError as error:
            known[key] = error
    return known[key]


def _judged(
    table: Table, one: Way, folder: Path, file: str, said: dict[str, Any], wanted: Any, known: dict[str, Any]
) -> str:
    found = _read(table, folder, file, said, known)
    if isinstance(found, LsiError):
        error = found
        if one.must == SAME:
            raise error
        problems = error.problems if isinstance(error, ExtractProblemsError) else [error]
        for problem in problems:
            for text in (problem.text("nl"), problem.text("en")):
                about = one.of(table)
                assert not about or any(f"'{column}'" in text for column in about), text
                assert file.rsplit("/", 1)[-1] in text
                for row in table.rows:
                    for value in row.values():
                        assert not (isinstance(value, str) and len(value) > 5 and value in text), text
        return REFUSED
    assert one.must != REFUSED or not one.of(table)
    assert found == wanted
    return SAME


@pytest.mark.parametrize("table", TABLES, ids=lambda one: one.project)
def test_a_table_of_postgresql_of_any_types(
    table: Table,
    tmp_path: Path,
    right: dict[str, Any],
    shared: None,
    postgres: Postgres,  # noqa: F811
) -> None:
    (tmp_path / "e.postgresql").write_text(f"postgresql:///postgres?host={postgres.folder}&user=postgres\n")
    (tmp_path / "e.postgresql").chmod(0o600)
    wanted = _right(table, tmp_path, right)
    plain_types = {Decimal: "numeric(10, 2)", int: "integer", date: "date", str: "text"}
    cases: dict[str, tuple[dict[type, str], str, Any]] = {
        "pg": (plain_types, SAME, lambda t: ()),
        "pg_char": ({**plain_types, str: "character(60)"}, SAME, lambda t: ()),
        "pg_float": (
            {**plain_types, Decimal: "double precision", int: "double precision"},
            SAME,
            lambda t: (),
        ),
        "pg_real": ({**plain_types, Decimal: "real"}, SAME, lambda t: ()),
        "pg_numeric": ({**plain_types, Decimal: "numeric", int: "numeric"}, SAME, lambda t: ()),
        "pg_timestamp": ({**plain_types, date: "timestamp"}, SAME, lambda t: ()),
        "pg_timestamptz": ({**plain_types, date: "timestamptz"}, "", dates),
        "pg_bytea": ({**plain_types, str: "bytea"}, "", texts),
        "pg_domain": ({**plain_types, str: "written", date: "day"}, SAME, lambda t: ()),
        "pg_money": ({**plain_types, Decimal: "money"}, "", numbers),
        "pg_array": ({**plain_types, str: "text[]"}, "", texts),
    }
    postgres.run(
        "DROP DOMAIN IF EXISTS written, day; CREATE DOMAIN written AS text; CREATE DOMAIN day AS date;"
        "ALTER ROLE postgres SET timezone TO 'America/New_York'; ALTER ROLE postgres SET datestyle TO 'SQL, DMY'"
    )
    made: set[str] = set()
    try:
        for name, (types, must, of) in cases.items():
            kinds = {
                c: next((types[type(r[c])] for r in table.rows if r[c] is not None), "text")
                for c in table.columns
            }
            columns = ", ".join(f'"{c}" {kind}' for c, kind in kinds.items())
            if columns in made:
                continue
            made.add(columns)
            rows = [
                [f"{{{v}}}" if kinds[c] == "text[]" and v is not None else v for c, v in row.items()]
                for row in table.rows
            ]
            postgres.run(f"DROP TABLE IF EXISTS t; CREATE TABLE t ({columns});\n" + copied("t", rows))
            _judged(
                table,
                Way(name, lambda t, f: ("", {}), of, must),
                tmp_path,
                "e.postgresql",
                {"table": "t"},
                wanted,
                {},
            )
    finally:
        postgres.run("ALTER ROLE postgres RESET ALL; DROP TABLE IF EXISTS t; DROP DOMAIN written, day")
