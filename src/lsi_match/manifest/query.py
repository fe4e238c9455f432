"""The statement: a selection of the manifest as a query for a partner's own database.

A partner can run it where the register is, before or beside an extract, and compare the counts with those of the
tool: `statement` gives the query that selects the records, or the one that counts them after each criterion.
Where a database cannot be made to follow the language, the statement says so in its head.
"""

from __future__ import annotations

import textwrap
import unicodedata
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from lsi_match.base.catalogue import text
from lsi_match.base.errors import Language
from lsi_match.criteria.dialects import DIALECTS, Caveat, Dialect
from lsi_match.criteria.parse import REFERENCE_DATE, FieldType
from lsi_match.criteria.printer import Printer, StatementError, dialect_named
from lsi_match.manifest import Manifest, Selection

#: Columns of the statement beside the fields; no field can have these names.
RECORD_ID = "record_id"
#: Names that no selection can have.
_SOURCE, _PASSED = "_source", "_passed"
_WIDTH = 112


def statement(
    manifest: Manifest,
    partner: str,
    selection: str,
    dialect: str,
    reference_date: date | None = None,
    language: Language = "nl",
    *,
    counts: bool = False,
) -> str:
    """The query that selects the records of one selection: record id, fields, and which signals each carries.

    Args:
        manifest: the agreement.
        partner: name of the partner.
        selection: id of its selection.
        dialect: one of `DIALECTS`.
        reference_date: the reference date; without it the query has a parameter.
        language: of the comments; what the query says itself is the same in each.
        counts: the query that counts instead: records read, left after each criterion in turn, and of those the ones with a
            signal. These are the counts that the tool shows and tells the matcher.

    Raises:
        UnknownDialectError, UnknownSelectionError: not in `DIALECTS`, not in the manifest.
    """
    known = {f"{name}.{one.id}": one for name, one in manifest.selections()}
    found = known.get(f"{partner}.{selection}")
    if found is None:
        facts = {"partner": partner, "selection": selection, "known": ", ".join(known)}
        raise StatementError("UnknownSelectionError", **facts, problem=selection)
    database = dialect_named(dialect)
    printer = Printer(database, found.field_types)
    made = _Statement(manifest, partner, found, database, reference_date, language, printer)
    return made.counts() if counts else made.records()


@dataclass(frozen=True)
class _Statement:
    manifest: Manifest
    partner: str
    selection: Selection
    dialect: Dialect
    reference_date: date | None
    language: Language
    printer: Printer

    def _say(self, key: str, /, **facts: object) -> str:
        return text(Path(__file__).with_suffix(".toml"), key, self.language, **facts)

    def records(self) -> str:
        printer = self.printer
        names = [printer.name(RECORD_ID), *(self._shown(name) for name in self.selection.fields)]
        lines = [f"  {name}," for name in names]
        for signal_id, predicate in self.selection.signal_predicates().items():
            label = next(signal.label for signal in self.selection.signals if signal.id == signal_id)
            lines += _comment(f"{self._say('signal')} {signal_id}: {label}", "  ")
            signal = printer.name(f"signal_{signal_id}")
            lines.append(f"  CASE WHEN {printer.condition(predicate.tree)} THEN 1 ELSE 0 END AS {signal},")
        lines[-1] = lines[-1].removesuffix(",")
        body = [
            *self._source(),
            "SELECT",
            *lines,
            f"FROM {printer.name(_SOURCE)}",
        ]
        if self.selection.counts_only:  # everybody goes along
            return self._whole(body, self._say("records"))
        body.append("WHERE")
        word = ""
        for rule_id, predicate in self.selection.predicates().items():
            body += self._rule(rule_id)
            body.append(f"  {word}({printer.condition(predicate.tree)})")
            word = "AND "
        body += ["", *self._signalled(), f"  AND ({self._any_signal()})"]
        return self._whole(body, self._say("records"))

    def counts(self) -> str:
        printer = self.printer
        passed, sums, names = [], [], [printer.name("read")]
        for position, (rule_id, predicate) in enumerate(self.selection.predicates().items(), start=1):
            column = printer.name(f"c{position}")
            passed += self._rule(rule_id)
            passed.append(f"  CASE WHEN {printer.condition(predicate.tree)} THEN 1 ELSE 0 END AS {column},")
            sums.append(column)
            names.append(printer.name(f"after_{rule_id}"))
        column = printer.name("signal")
        passed += ["", *self._signalled()]
        passed.append(f"  CASE WHEN {self._any_signal()} THEN 1 ELSE 0 END AS {column}")
        sums.append(column)
        names.append(printer.name("with_signal"))
        counts = ["COUNT(*)"]
        counts += [f"COALESCE(SUM({' * '.join(sums[:n])}), 0)" for n in range(1, len(sums) + 1)]
        columns = [f"  {count} AS {name}" for count, name in zip(counts, names, strict=True)]
        body = [
            *self._source(),
            "SELECT",
            ",\n".join(columns),
            "FROM (",
            "SELECT",
            *passed,
            f"FROM {printer.name(_SOURCE)}",
            f") {printer.name(_PASSED)}",
        ]
        return self._whole(body, self._say("counts"))

    def _rule(self, rule_id: str) -> list[str]:
        rule = next(rule for rule in self.selection.criteria if rule.id == rule_id)
        return [
            "",
            *_comment(f"{rule.id}: {rule.rationale}", "  "),
            *_comment(f"{self._say('agreed')}: {rule.when}", "  "),
        ]

    def _signalled(self) -> list[str]:
        return [] if self.selection.counts_only else _comment(self._say("without_signal"), "  ")

    def _any_signal(self) -> str:
        predicates = self.selection.signal_predicates().values()
        found = [self.printer.condition(predicate.tree) for predicate in predicates] or ["1 = 1"]
        return found[0] if len(found) == 1 else " OR ".join(f"({signal})" for signal in found)

    def _shown(self, name: str) -> str:
        column = self.printer.name(name)
        if self.dialect.tenths and self.selection.fields[name].type is FieldType.DECIMAL:
            return f"{column} / 10000.0 AS {column}"
        return column

    def _source(self) -> list[str]:
        """The records as the criteria see them; the one place that a partner fills in."""
        dialect, printer = self.dialect, self.printer
        day = dialect.parameter if self.reference_date is None else dialect.date.format(d=self.reference_date)
        lines = [
            f"WITH {printer.name(_SOURCE)} AS (",
            "SELECT",
            f"  {printer.name(RECORD_ID)} AS {printer.name(RECORD_ID)},",
        ]
        for name, declared in self.selection.fields.items():
            lines += _comment(f"{declared.type}: {declared.meaning}", "  ")
            column = printer.name(name)
            lines.append(f"  {dialect.read[declared.type].format(x=column)} AS {column},")
        return [
            *lines,
            *_comment(self._say("reference_date_column"), "  "),
            f"  {day} AS {printer.name(REFERENCE_DATE)}",
            f"FROM {printer.name(self.selection.id)}",
            ")",
        ]

    def _whole(self, body: list[str], what: str) -> str:
        project, partner = self.manifest.project, self.manifest.controllers[self.partner]
        example, say = self.manifest.project.period.first, self._say
        head = [
            *_comment(f"Project: {project.id}, {project.title}"),
            *_comment(f"Manifest: {self.manifest.digest}"),
            *_comment(f"{say('partner')}: {self.partner}, {partner.title}"),
            *_comment(f"{say('selection')}: {self.selection.id}"),
            *_comment(f"{say('source')}: {self.selection.source}"),
            *_comment(f"Database: {self.dialect.product} {say('later')}"),
            "--",
            *_comment(what),
            *_comment(say("names")),
            *_comment(say("texts")),
            # letters that are two characters, and other spaces
            *_comment(say("nfc" if "NORMALIZE(" in self.dialect.read[FieldType.TEXT] else "no_nfc")),
        ]
        if not self.dialect.booleans:
            head += _comment(say("booleans"))
        setting: list[str] = []
        if self.reference_date is None:
            how = self.dialect.set_parameter.format(d=example.isoformat())
            head += _comment(say("parameter", example=example))
            head += [f"--   {line}" for line in how.splitlines()]
            if how.startswith("DECLARE"):
                # Part of the same batch. Not a date, so that nothing runs before somebody has filled it in.
                day = say("day_form")
                setting = [self.dialect.set_parameter.format(d=day), ""]
        else:
            head += _comment(f"{say('reference_date')}: {self.reference_date}")
        found = self.printer.caveats & self.dialect.notes.keys()
        notes = [self.dialect.notes[caveat][self.language] for caveat in Caveat if caveat in found]
        note = say("note")
        head += [line for one in notes for line in _comment(f"{note}: {one}")]
        whole = "\n".join([*head, "", *setting, *body]).rstrip() + "\n;\n"
        if self.dialect is DIALECTS["oracle"] and "&" in whole:
            how = say("define_off")
            whole = f"-- {note}: {how}\n{whole}"
        return whole


def _comment(text: str, indent: str = "") -> list[str]:
    """`text` as line comments. What could end a comment, or mean something to a program that sends queries, is replaced."""
    text = unicodedata.normalize("NFC", text)
    plain = "".join(sign if unicodedata.category(sign)[0] in "LMNPS" else " " for sign in text)
    for sign, instead in _REPLACED.items():
        plain = plain.replace(sign, instead)
    lines = textwrap.wrap(plain, _WIDTH - len(indent) - 3, break_long_words=False, break_on_hyphens=False)
    return [f"{indent}-- {line}" for line in lines]


#: Inside a line comment only the end of the line means something to a database. Programs that send queries are less
#: strict: they end a statement at ; and put variables in place of &x, $(x), ${x} and {{x}}.
_REPLACED = {
    ";": ",",
    "&": "+",
    "$(": "$ (",
    "${": "$ {",
    "{{": "{ {",
    "{%": "{ %",
    "*/": "* /",
    "/*": "/ *",
    "\\": "/",
}
