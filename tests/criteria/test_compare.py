"""Predicates compared by meaning: what is said to be wider, narrower or the same, is."""

from __future__ import annotations

import random

import pytest
from criteria.predicates import FIELDS, VALUES, Engine, predicates
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from lsi_match.criteria import compare as module
from lsi_match.criteria.compare import Change, compare, compare_match_rules
from lsi_match.criteria.explain import RuleColumn
from lsi_match.criteria.meaning import Condition
from lsi_match.criteria.parse import CriterionError, Predicate, Unit, parse_predicate
from lsi_match.criteria.quantities import apart, fits, within
from lsi_match.criteria.verbalizer import Line
from lsi_match.manifest import SourceField

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

DECLARED = {name: SourceField(type=kind, meaning=f"Veld {name}") for name, kind in FIELDS.items()}


def changed(old: str, new: str) -> Change:
    return compare(parse_predicate(old, FIELDS), parse_predicate(new, FIELDS), DECLARED)


def texts(line: Line) -> list[str]:
    return [line.text, *(text for below in line.lines for text in texts(below))]


SAME = [
    ("a = 1 AND b = 2", "b = 2 AND a = 1"),
    ("a = 1 AND (b = 2 AND f)", "(f AND a = 1) AND b = 2"),
    ("a = 1 OR a = 1", "a = 1"),
    ("NOT NOT f", "f"),
    ("a BETWEEN 1 AND 5", "a >= 1 AND a <= 5"),
    ("a BETWEEN 1 AND 5", "a > 0 AND NOT a > 5"),
    ("s IN ('x', 'y')", "s IN ('y', 'x', 'x')"),
    ("s IN ('x')", "s = 'x'"),
    ("s IN ('x', 'y')", "s = 'y' OR s = 'x'"),
    ("a < 5 OR a IS NULL", "coalesce(a, 0) < 5"),
    ("coalesce(e >= peildatum, TRUE)", "e IS NULL OR e >= peildatum"),
    ("coalesce(e, DATE '9999-12-31') >= peildatum", "e IS NULL OR e >= peildatum"),
    ("a > b + 1", "a - b >= 2"),
    ("2 * c > 3", "c > 1.5"),
    ("f = TRUE", "f IS TRUE"),
    ("NOT (f AND a > 1)", "NOT f OR a <= 1"),
    ("date_diff('day', d, peildatum) >= 0", "d <= peildatum"),
    ("date_diff('year', d, peildatum) < 27", "date_diff('year', d, peildatum) <= 26"),
    ("s LIKE 'W'", "s = 'W'"),
    ("f OR NOT f", "f IS NOT NULL"),
    ("TRUE", "a IS NULL OR a IS NOT NULL"),
]


@pytest.mark.parametrize(("old", "new"), SAME)
def test_the_same_in_other_words(old: str, new: str) -> None:
    for change in (changed(old, new), changed(new, old)):
        assert change.kind == "same"
        assert change.rewritten
        assert not change.parts
        assert change.nl.text.startswith("De betekenis is gelijk")
    assert not changed(old, old).rewritten


#: Old, new (wider), kind of the part, its Dutch words.
WIDER = [
    ("a BETWEEN 1 AND 5", "a BETWEEN 0 AND 5", "widened"),
    ("a >= 1 AND a <= 5 AND f", "f AND a BETWEEN 0 AND 9", "widened"),
    ("s IN ('x', 'y')", "s IN ('x', 'y', 'z')", "widened"),
    ("s LIKE '7604%'", "s LIKE '760%'", "widened"),
    ("a > 1 AND b > 1", "a > 1", "removed"),
    ("a > 1", "a > 1 OR b > 1", "added"),
    ("d >= peildatum", "d >= peildatum OR d IS NULL", "widened"),
    (
        "date_diff('month', d, peildatum) BETWEEN 3 AND 60",
        "date_diff('month', d, peildatum) BETWEEN 3 AND 61",
        "widened",
    ),
    ("a - b >= 3", "a - b >= 2", "widened"),
]


@pytest.mark.parametrize(("old", "new", "part"), WIDER)
def test_wider_and_narrower(old: str, new: str, part: str) -> None:
    wider, narrower = changed(old, new), changed(new, old)
    assert (wider.kind, [p.kind for p in wider.parts]) == ("wider", [part])
    opposite = {"widened": "narrowed", "removed": "added", "added": "removed"}[part]
    assert (narrower.kind, [p.kind for p in narrower.parts]) == ("narrower", [opposite])


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("a > 1", "b > 1", ["removed", "added"]),
        ("a > 1 AND f", "a < 1 AND f", ["changed"]),
        ("a BETWEEN 1 AND 5 AND b = 1", "a BETWEEN 0 AND 5", ["widened", "removed"]),
        ("a BETWEEN 1 AND 5 AND b = 1", "a BETWEEN 2 AND 5", ["narrowed", "removed"]),
        ("s = 'ww'", "lower(s) = 'ww'", ["changed"]),
    ],
)
def test_otherwise_changed(old: str, new: str, parts: list[str]) -> None:
    change = changed(old, new)
    assert change.kind == ("wider" if parts == ["widened", "removed"] else "other")
    assert [p.kind for p in change.parts] == parts


def test_the_words_say_what_was_and_what_is() -> None:
    change = changed("a BETWEEN 1 AND 5 AND b = 1", "a BETWEEN 0 AND 5")
    assert texts(change.nl) == [
        "Ruimer: wat eerst meetelde, telt nog steeds mee. Er kunnen records bij komen.",
        "Ruimer geworden:",
        "Eerst: ‘Veld a’ is minstens 1 en hoogstens 5.",
        "Nu: ‘Veld a’ is minstens 0 en hoogstens 5.",
        "Vervallen:",
        "‘Veld b’ is 1.",
    ]
    assert texts(change.en)[:2] == [
        "Wider: whatever counted before still counts. More records may count.",
        "Made wider:",
    ]


def test_match_rules() -> None:
    columns = {"partners": RuleColumn(), "uwv": RuleColumn("UWV"), "svb": RuleColumn("SVB")}
    types = {name: column.type for name, column in columns.items()}
    old, new = (
        parse_predicate(rule, types) for rule in ("partners >= 2 AND uwv", "partners >= 2 AND (uwv OR svb)")
    )
    change = compare_match_rules(old, new, columns)
    assert change.kind == "wider"
    assert texts(change.nl)[0].endswith("Er kunnen casussen bij komen.")
    assert "‘" not in " ".join(texts(change.nl))
    assert compare_match_rules(new, parse_predicate("(svb OR uwv) AND NOT partners < 2", types), columns).kind == (
        "same"
    )  # fmt: skip


def test_match_rules_over_counts_and_months() -> None:
    columns = {
        "uwv": RuleColumn("UWV"),
        "uwv_records": RuleColumn("UWV", value="records"),
        "uwv_sinds_first": RuleColumn("UWV", value="first", of="Begindatum"),
    }
    types = {name: column.type for name, column in columns.items()}

    def change(old: str, new: str) -> Change:
        return compare_match_rules(
            parse_predicate(old, types), parse_predicate(new, types), columns, Unit.PERSON
        )

    assert change("uwv_records >= 3", "uwv_records > 1").kind == "wider"
    assert texts(change("uwv_records >= 3", "uwv_records > 1").nl)[2:] == [
        "Eerst: UWV heeft minstens 3 records van de persoon.",
        "Nu: UWV heeft minstens 2 records van de persoon.",
    ]
    assert change("NOT uwv_records < 2", "uwv_records >= 2").kind == "same"
    month = "uwv_sinds_first >= DATE '2026-01-01'"
    assert change(f"uwv AND NOT {month}", "uwv").kind == "wider"
    assert change("uwv", f"uwv AND ({month} OR NOT {month})").kind == "narrower", "it may be unknown"
    assert change("uwv", f"uwv AND ({month} OR NOT {month} OR uwv_sinds_first IS NULL)").kind == "same"


def test_too_many_kinds_of_record_are_compared_by_their_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    def short_of_time(one: Condition, other: Condition) -> bool:
        return False

    monkeypatch.setattr(module, "implies", short_of_time)
    assert changed("a > 1 AND b > 1", "b > 1 AND a > 1").kind == "same"
    assert changed("a > 1 AND b > 1", "a > 1").kind == "wider"
    assert changed("a > 1", "a > 1 AND b > 1").kind == "narrower"
    assert changed("a > 1 OR b > 1", "a > 1").kind == "narrower"
    assert changed("a > 1", "a > 0").kind == "other"


def test_many_fields_end_in_time() -> None:
    fields = {f"f{i}": FIELDS["f"] for i in range(30)}
    declared = {name: SourceField(type=kind, meaning=name) for name, kind in fields.items()}
    tangled = " AND ".join(f"(f{i} OR NOT f{(7 * i + 3) % 30} OR f{(11 * i + 5) % 30})" for i in range(30))
    old, new = parse_predicate(tangled, fields), parse_predicate(f"{tangled} AND f0", fields)
    assert compare(old, new, declared).kind == "narrower"


@given(
    st.text("ab%_", max_size=5), st.text("ab%_", max_size=5), st.lists(st.text("ab", max_size=5), max_size=40)
)
def test_patterns_within_and_apart(one: str, other: str, found: list[str]) -> None:
    for text in found:
        if within(one, other) and fits(text, one):
            assert fits(text, other)
        if apart(one, other):
            assert not (fits(text, one) and fits(text, other))


def rows(count: int) -> list[dict[str, object]]:
    chance = random.Random(15072026)
    return [{name: chance.choice(values) for name, values in VALUES.items()} for _ in range(count)]


ENGINE = Engine(rows(2500))


def mutated(text: str, other: str, chance: random.Random) -> str:
    """The predicate with a little thing changed."""
    tree = parse_predicate(text, FIELDS).tree.copy()
    nodes = list(tree.walk())
    node = chance.choice(nodes)
    kind = chance.randrange(7)
    if kind == 0:
        return f"({text}) AND ({other})"
    if kind == 1:
        return f"({text}) OR ({other})"
    if kind == 2:
        return f"NOT NOT ({text})"
    if isinstance(node, exp.Literal) and not node.is_string:
        node.set("this", str(chance.choice((0, 1, 2, 4, 6))))
    elif isinstance(node, exp.And | exp.Or):
        turned = chance.choice((exp.And, exp.Or))(this=node.expression, expression=node.this)
        choice = chance.choice((turned, node.this))
        if node is tree:
            return str(choice.sql("duckdb"))
        node.replace(choice)
    elif isinstance(node, exp.LT | exp.LTE | exp.GT | exp.GTE):
        kinds = (exp.LT, exp.LTE, exp.GT, exp.GTE)
        other_way = chance.choice(kinds)(this=node.this, expression=node.expression)
        if node is tree:
            return str(other_way.sql("duckdb"))
        node.replace(other_way)
    elif isinstance(node, exp.In):
        chance.shuffle(node.expressions)
        node.set("expressions", node.expressions[:2])
    return str(tree.sql("duckdb"))


def read(text: str) -> Predicate | None:
    try:
        return parse_predicate(text, FIELDS)
    except CriterionError:
        return None


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(predicates(), predicates(max_leaves=2), st.integers(0, 2**32))
def test_what_is_claimed_holds_in_the_database(text: str, other: str, seed: int) -> None:
    old = parse_predicate(text, FIELDS)
    before = ENGINE.simplify(old)
    chance = random.Random(seed)
    for new in filter(None, (read(mutated(text, other, chance)) for _ in range(3))):
        kind = compare(old, new, DECLARED).kind
        after = ENGINE.simplify(new)
        if kind == "same":
            assert before == after
        if kind == "wider":
            assert before <= after
        if kind == "narrower":
            assert before >= after
