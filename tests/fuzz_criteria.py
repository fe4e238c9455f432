"""Throws texts at the reader of criteria: `python -m tests.fuzz_criteria --minutes 10`.

Texts are predicates that were cut, joined and littered, and soups of words. For each of them:

- it is taken, or refused with a `CriterionError`; nothing else is raised, and it does not take long;
- what is taken holds, as DuckDB's own parser sees it, nothing but the constructs and functions of the language: no
  subquery, no table, no parameter, no other column;
- it runs on a locked-down DuckDB without another error than that a number does not fit;
- the text as it was written and what the tool makes of it give every row the same verdict, and so does the text that
  `text_form` writes.

Ends with status 1 when one of these does not hold, and shows the texts.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from lsi_match.base.duckdb_locked import locked_connection
from lsi_match.criteria.dialects import DIALECTS
from lsi_match.criteria.parse import CriterionError, FieldType, Predicate, parse_predicate
from lsi_match.criteria.printer import Printer, dialect_named
from tests.criteria.text_form import text_form


def predicate_sql(predicate: Predicate, fields: Mapping[str, FieldType], dialect: str) -> str:
    """The predicate as a condition in `dialect`, over columns as a statement reads them."""
    return Printer(dialect_named(dialect), fields).condition(predicate.tree)


FIELDS = {
    "n": FieldType.INTEGER,
    "m": FieldType.INTEGER,
    "c": FieldType.DECIMAL,
    "d": FieldType.DATE,
    "e": FieldType.DATE,
    "s": FieldType.TEXT,
    "t": FieldType.TEXT,
    "p": FieldType.BOOLEAN,
    "q": FieldType.BOOLEAN,
    "month": FieldType.INTEGER,
    "begin": FieldType.DATE,
}
SLOW_SECONDS = 3.0

SEEDS = """
n = 1
s IN ('WW', 'WIA', 'ZW')
e IS NULL OR e >= peildatum
date_diff('month', d, peildatum) BETWEEN 3 AND 60
c >= 20.00 AND n * 12 < 1200000
s NOT LIKE 'BIJZ%' AND s <> 'BBZ'
coalesce(e, DATE '9999-12-31') >= peildatum
coalesce(n > 1, TRUE)
lower(s) LIKE 'eenmans%'
p IS NOT TRUE AND NOT q
(n + 2 * m - 1) * -3 <> c - (m - n)
length(s) + date_diff('day', d, e) > -1.5
s = 'it''s' OR upper(t) = 'X'
(p = q) = (n > m) AND (p IS NULL) IS FALSE
NOT (s IN ('a', 'b') OR t IS NOT NULL)
d BETWEEN DATE '2024-02-29' AND e AND d NOT IN (DATE '2026-01-01', DATE '2025-12-31')
n NOT BETWEEN -1 AND m OR n IN (-1, 2.5, 000123)
coalesce(s, t, 'x') = coalesce(t, lower('Y'))
begin = d AND month = 1 AND date_diff('year', begin, d) > 1
TRUE AND FALSE
""".strip().splitlines()

WORDS = re.findall(
    r"\S+",
    """
n m c d e s t p q month begin peildatum onbekend rowid AND OR NOT = <> != == < <= > >= + - * / % ** // || ^ | & ~ ! ( ) ((
)) , . .. ; : :: := ? $1 @x # -- /* */ -> ->> => { } [ ] ' '' 'a' 'W%' '' "s" `s` 1 0 -1 2.5 1e3 0xFF 1_000 .5 5. 9999999999999999
999999999999999 0.000001 NULL TRUE FALSE IS IN LIKE BETWEEN ISNULL NOTNULL DATE DATE'2026-01-01' '2026-01-01' TIMESTAMP
INTERVAL CAST( AS VARCHAR date_diff( 'month' 'day' 'year' 'hour' month day datediff( coalesce( ifnull( nvl( lower( upper( lcase(
length( len( abs( random() now() current_date today() getenv('HOME') read_text('/etc/passwd') SELECT FROM WHERE (SELECT
1) EXISTS UNION VALUES CASE WHEN THEN ELSE END IF( COLUMNS(*) * ANY ALL SOME COLLATE ESCAPE ILIKE GLOB SIMILAR TO OVER
DISTINCT XOR e'a\\n' x'ff' N'a' U&'a' $$a$$ lambda x: x-> EXTRACT( year FROM struct_pack( list_value( row( unnest( map{
TABLE PIVOT SET ATTACH COPY PRAGMA getvariable('x') current_setting('threads') sum( count(*) QUALIFY OPERATOR(pg_catalog.+)
""",
)

WRAPPERS = (
    "(…)", "NOT …", "NOT (…)", "coalesce(…)", "coalesce(…, TRUE)", "-…", "(…) IS NULL", "… IS TRUE", "((…))", "lower(…)",
    "(…) = p", "p = …", "(…) IS NOT FALSE", "coalesce(…, …)",
)  # fmt: skip

SIGNS = "'\"`()-+*/=<>!,.;:$@#%&|^~?[]{}\\ \n\t\x00\x01\r\x0b\x85\u00a0\u2028\u200b\ufeff\u0430\uff1d\u0130\udc80é😀0123456789aAdDeEnNsS_"

#: Errors of the engine that depend on the values: a number that does not fit.
_TOO_LARGE = (duckdb.ConversionException, duckdb.OutOfRangeException)

#: What DuckDB's parser calls the parts of the language.
CLASSES = {"COMPARISON", "CONJUNCTION", "OPERATOR", "BETWEEN", "CONSTANT", "COLUMN_REF", "CAST", "FUNCTION"}
FUNCTIONS = {"date_diff", "coalesce", "lower", "upper", "length", "+", "-", "*", "~~", "!~~"}
OPERATORS = {
    "OPERATOR_NOT", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "OPERATOR_COALESCE", "COMPARE_IN", "COMPARE_NOT_IN",
}  # fmt: skip
DISTINCT = {"COMPARE_DISTINCT_FROM", "COMPARE_NOT_DISTINCT_FROM"}
TYPES = {
    "COMPARE_EQUAL", "COMPARE_NOTEQUAL", "COMPARE_LESSTHAN", "COMPARE_LESSTHANOREQUALTO", "COMPARE_GREATERTHAN",
    "COMPARE_GREATERTHANOREQUALTO", "COMPARE_BETWEEN", "COMPARE_NOT_BETWEEN", "CONJUNCTION_AND", "CONJUNCTION_OR", "VALUE_CONSTANT", "COLUMN_REF",
    "OPERATOR_CAST", "FUNCTION", *DISTINCT, *OPERATORS,
}  # fmt: skip


class NotAllowedError(Exception):
    """What the parser of the engine sees is not in the language."""


def check_tree(con: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Refuse what the engine's parser reads in `sql` and is not in the language.

    Raises:
        NotAllowedError: another construct, function or column.
    """
    row = con.execute(
        "SELECT json_serialize_sql(?::VARCHAR)", [f"SELECT 1 FROM records WHERE ({sql}\n)"]
    ).fetchone()
    document = json.loads(row[0]) if row else {"error": True}
    if document.get("error"):
        raise NotAllowedError(f"not parsed: {document.get('error_message')}")
    if len(document["statements"]) != 1:
        raise NotAllowedError("more than one statement")
    node = document["statements"][0]["node"]
    if (
        node["type"] != "SELECT_NODE"
        or node["from_table"].get("table_name") != "records"
        or node["from_table"]["type"] != "BASE_TABLE"
    ):
        raise NotAllowedError(f"{node['type']} from {node.get('from_table')}")
    for extra in ("group_expressions", "modifiers"):
        if node.get(extra):
            raise NotAllowedError(extra)
    for extra in ("having", "qualify", "sample"):
        if node.get(extra):
            raise NotAllowedError(extra)
    if len(node["select_list"]) != 1:
        raise NotAllowedError("another column is selected")
    _check_expression(node["where_clause"])


def _check_expression(value: Any, inside: str = "") -> None:
    """Check a part of a serialized tree; how its children are stored differs from version to version."""
    if isinstance(value, list):
        for child in value:
            _check_expression(child, inside)
    elif isinstance(value, dict) and value.get("class") == "TYPE":
        return
    elif isinstance(value, dict):
        if "class" in value:
            _check_node(value, inside)
            inside = value["type"]
        elif str(value.get("type")).endswith("_NODE"):
            raise NotAllowedError("a subquery")
        for child in value.values():
            _check_expression(child, inside)


def _check_node(node: dict[str, Any], inside: str) -> None:
    kind, name = node["class"], node["type"]
    if kind not in CLASSES or name not in TYPES:
        raise NotAllowedError(f"{kind} {name}")
    if kind == "FUNCTION":
        if node["function_name"].lower() not in FUNCTIONS:
            raise NotAllowedError(f"function {node['function_name']}")
        if any(node.get(part) for part in ("schema", "catalog", "filter", "distinct", "export_state")):
            raise NotAllowedError(f"function with more: {node['function_name']}")
    if kind == "COLUMN_REF":
        path = node["column_names"]
        if len(path) != 1 or path[0] not in {*FIELDS, "peildatum"}:
            raise NotAllowedError(f"column {path}")
    if kind == "CAST":
        target = node["cast_type"]["id"] if "cast_type" in node else node["type_expr"]["type_name"]
        # IS TRUE is kept as IS NOT DISTINCT FROM, of a cast to a boolean.
        if target.upper() != "DATE" and not (target == "BOOLEAN" and "DISTINCT" in inside):
            raise NotAllowedError(f"cast to {target}")
    if name in DISTINCT and not (
        node["left"]["class"] == "CAST" and node["right"]["class"] in ("CONSTANT", "CAST")
    ):
        raise NotAllowedError("IS DISTINCT FROM")


@dataclass
class Fuzzer:
    rng: random.Random
    con: duckdb.DuckDBPyConnection
    counts: Counter[str] = field(default_factory=Counter)
    findings: dict[str, str] = field(default_factory=dict)
    taken: list[str] = field(default_factory=lambda: list(SEEDS))

    def texts(self) -> Iterator[str]:
        while True:
            yield self.soup() if self.rng.random() < 0.25 else self.mutated()

    def soup(self) -> str:
        glue = self.rng.choice((" ", " ", " ", ""))
        return glue.join(self.rng.choice(WORDS) for _ in range(self.rng.randint(1, 14)))

    def mutated(self) -> str:
        text = self.rng.choice(self.taken if self.rng.random() < 0.5 else SEEDS)
        for _ in range(self.rng.choice((1, 1, 1, 2, 2, 3, 5))):
            text = self.rng.choice((self.sign, self.word, self.cut, self.twice, self.join, self.swap, self.wrap, self.byte))(text)  # fmt: skip
        return text[:5000]

    def place(self, text: str) -> int:
        return self.rng.randint(0, len(text))

    def sign(self, text: str) -> str:
        at = self.place(text)
        return text[:at] + self.rng.choice(SIGNS) + text[at + self.rng.randint(0, 1) :]

    def word(self, text: str) -> str:
        parts = text.split(" ")
        at = self.rng.randrange(len(parts))
        parts[at : at + self.rng.randint(0, 2)] = [self.rng.choice(WORDS)]
        return " ".join(parts)

    def cut(self, text: str) -> str:
        a, b = sorted((self.place(text), self.place(text)))
        return text[:a] + text[b:] if self.rng.random() < 0.5 else text[a:b]

    def twice(self, text: str) -> str:
        a, b = sorted((self.place(text), self.place(text)))
        return text[:b] + text[a:b] * self.rng.choice((1, 1, 2, 40)) + text[b:]

    def join(self, text: str) -> str:
        other = self.rng.choice(self.taken)
        glue = self.rng.choice(
            (
                " AND ",
                " OR ",
                " = ",
                " <> ",
                " IS ",
                " ",
                ", ",
                " IN ",
                " BETWEEN ",
                " NOT ",
                ") AND (",
                " LIKE ",
            )
        )
        return text + glue + other

    def swap(self, text: str) -> str:
        parts = text.split(" ")
        a, b = self.rng.randrange(len(parts)), self.rng.randrange(len(parts))
        parts[a], parts[b] = parts[b], parts[a]
        return " ".join(parts)

    def wrap(self, text: str) -> str:
        return self.rng.choice(WRAPPERS).replace("…", text)

    def byte(self, text: str) -> str:
        data = bytearray(text.encode("utf-8", "surrogatepass"))
        if data:
            data[self.rng.randrange(len(data))] = self.rng.randrange(256)
        return data.decode(*self.rng.choice((("utf-8", "replace"), ("latin-1", "strict"), ("utf-8", "surrogateescape"))))  # fmt: skip

    def found(self, kind: str, text: str, more: object = "") -> None:
        self.counts[f"FOUND {kind}"] += 1
        key = f"{kind}: {str(more).splitlines()[0][:90] if str(more) else ''}"
        if len(text) < len(self.findings.get(key, text + " ")):
            self.findings[key] = text

    def one(self, text: str) -> None:
        start = time.monotonic()
        try:
            predicate = parse_predicate(text, FIELDS)
        except CriterionError as error:
            self.counts[type(error).__name__] += 1
            for language in ("nl", "en"):
                error.text(language)
            return
        except Exception as error:
            self.found(f"raised {type(error).__name__}", text, error)
            return
        finally:
            if time.monotonic() - start > SLOW_SECONDS:
                self.found("slow", text)
        self.counts["taken"] += 1
        if len(self.taken) < 4000 and len(text) < 400:
            self.taken.append(text)
        self.accepted(text, predicate)

    def accepted(self, text: str, predicate: Predicate) -> None:
        for name, sql in (("as printed", predicate.sql()), ("as written", text)):
            try:
                check_tree(self.con, sql)
            except NotAllowedError as error:
                self.found(f"another construct {name}", text, error)
        expected = self.verdicts(predicate.sql())
        if isinstance(expected, duckdb.Error):
            if not isinstance(expected, _TOO_LARGE):
                self.found("does not run", text, expected)
            self.counts["too large"] += 1
            return
        if (written := self.verdicts(text)) != expected:
            self.found("as written differs", text, written if isinstance(written, duckdb.Error) else "")
        try:
            again = text_form(predicate, FIELDS)
            if self.verdicts(parse_predicate(again, FIELDS).sql()) != expected:
                self.found("written out differs", text, again)
            if self.verdicts(predicate_sql(predicate, FIELDS, "duckdb")) != expected:
                self.found("statement differs", text)
            for dialect in DIALECTS:
                predicate_sql(predicate, FIELDS, dialect)
        except Exception as error:
            self.found(f"writing out raised {type(error).__name__}", text, error)

    def verdicts(self, sql: str) -> list[tuple[bool | None, ...]] | duckdb.Error:
        try:
            return self.con.execute(f"SELECT ({sql}\n) FROM records ORDER BY nr").fetchall()
        except duckdb.Error as error:
            return error


def database() -> duckdb.DuckDBPyConnection:
    """A locked-down DuckDB with some records."""
    con = locked_connection([])
    types = {FieldType.TEXT: "VARCHAR", FieldType.INTEGER: "BIGINT", FieldType.DECIMAL: "DECIMAL(18, 4)",
             FieldType.DATE: "DATE", FieldType.BOOLEAN: "BOOLEAN"}  # fmt: skip
    columns = ", ".join(f'"{name}" {types[kind]}' for name, kind in FIELDS.items())
    con.execute(f"CREATE TABLE records (nr INTEGER, {columns}, peildatum DATE)")
    rng = random.Random(1)
    some: dict[FieldType, list[Any]] = {
        FieldType.TEXT: [None, "", "a", "WW", "BIJZ1", "it's", "X", "%", "x"],
        FieldType.INTEGER: [None, -1, 0, 1, 2, 3, 12],
        FieldType.DECIMAL: [None, "-1.5", "0", "20.00", "2.5"],
        FieldType.DATE: [None, "2024-02-29", "2026-01-01", "2026-07-14", "2026-07-15", "2027-01-01"],
        FieldType.BOOLEAN: [None, True, False],
    }
    marks = ", ".join("?" * (len(FIELDS) + 2))
    for number in range(60):
        row = [rng.choice(some[kind]) for kind in FIELDS.values()]
        con.execute(f"INSERT INTO records VALUES ({marks})", [number, *row, "2026-07-15"])
    return con


def run(minutes: float, seed: int) -> Fuzzer:
    # The parser warns about what it is about to refuse.
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    fuzzer = Fuzzer(random.Random(seed), database())
    end = time.monotonic() + minutes * 60
    for text in fuzzer.texts():
        fuzzer.counts["texts"] += 1
        fuzzer.one(text)
        if time.monotonic() > end:
            break
    return fuzzer


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--out", type=Path, help="write the findings here as JSON")
    options = parser.parse_args()
    fuzzer = run(options.minutes, options.seed)
    sys.stdout.write(f"seed {options.seed}\n")
    for name, count in sorted(fuzzer.counts.items()):
        sys.stdout.write(f"{count:>9}  {name}\n")
    for kind, text in fuzzer.findings.items():
        sys.stdout.write(f"\n{kind}\n  {text!r}\n")
    if options.out:
        options.out.write_text(json.dumps(fuzzer.findings, indent=1, ensure_ascii=True))
    return 1 if fuzzer.findings else 0


if __name__ == "__main__":
    sys.exit(main())
