"""The letter to a person leaves out nothing: every condition in full, the signals, and the rule of a case."""

from __future__ import annotations

import os
import re

import pytest
from criteria.predicates import FIELDS, predicates
from criteria.sentences import read
from criteria.test_sentences import DECLARED, ENGINE, NAMES
from handmade import NOW, document, selection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from manifest.test_office import draft
from manifest.test_statistics import draft as statistics

from lsi_match.base.errors import Language
from lsi_match.criteria.parse import parse_predicate
from lsi_match.manifest import Manifest
from lsi_match.partner.access.letter import answer_rows, letter
from lsi_match.partner.access.request import Answered
from lsi_match.protocol.access_documents import AccessAnswer, AccessEvent, Handed, InDrop, RoundAnswer
from lsi_match.reports.document import Document

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
EXAMPLES = int(os.environ.get("LSI_MATCH_SENTENCES", "200"))
LANGUAGES: tuple[Language, ...] = ("nl", "en")
AT = AccessEvent(at=NOW, position=7)


def agreed(
    criterion: str = "f", rule: str = "partners >= 2", signal: str = "c >= 100 OR a IS NULL"
) -> Manifest:
    """A manifest of which the first selection has this criterion and signal, over the fields of random predicates."""
    fields = {name: {"type": str(one.type), "meaning": one.meaning} for name, one in DECLARED.items()}
    fields |= {"nummer": {"type": "text", "meaning": "Burgerservicenummer"}}
    first = selection(
        fields=fields,
        criteria=[{"id": "een", "when": criterion, "rationale": "De reden van het criterium."}],
        signals=[
            {"id": "hoog", "when": signal, "label": "Hoog bedrag"},
            {"id": "klein", "when": "b < 3", "label": "Kleine woning"},
        ],
    )
    return Manifest.model_validate(document({"uwv": [first], "svb": [selection()]}, rule=rule))


def sent(manifest: Manifest, lang: Language, signals: tuple[str, ...] = ()) -> str:
    return written(manifest, lang, signals).markdown


def written(manifest: Manifest, lang: Language, signals: tuple[str, ...] = ()) -> Document:
    """The letter to somebody who was delivered by UWV, for these signals, and became a case."""
    known = RoundAnswer(
        round="r1", manifest=manifest.digest, opened=AT, known="yes",
        delivered=(InDrop(partner="uwv", selection="lijst", signals=signals, entry=AT),),
        case=True, matched=AT, handed=(Handed(partner="svb", entry=AT, removed=None, opened=()),), destroyed=None, forgotten=None,
    )  # fmt: skip
    return written_of(manifest, lang, known)


def written_of(manifest: Manifest, lang: Language, known: RoundAnswer) -> Document:
    return letter(answered_of(manifest, known), lang)


def answered_of(manifest: Manifest, known: RoundAnswer) -> Answered:
    answer = AccessAnswer(
        project=manifest.project.id, controller="uwv", request="sha256:" + "1" * 64, at=NOW, rounds=(known,),
        manifests={manifest.digest: ""},
    )  # fmt: skip
    return Answered("uwv", "kenmerk", answer, {manifest.digest: manifest}, frozenset(), ())


def test_a_person_reads_that_a_statistics_office_counted() -> None:
    told = "Bureau voor de statistiek kan voor deze ronde hebben geteld"
    assert told in sent(Manifest.model_validate(draft()), "nl")
    assert "statistiek" not in sent(agreed(), "nl")


def test_everybody_reads_that_a_statistics_partner_may_have_counted_and_whom_to_ask() -> None:
    manifest = Manifest.model_validate(statistics())
    told = "Voor ronde r1 kan Bureau dat telt van iedereen in een register hebben gezegd in welke groep iemand valt: Etniciteit."
    unknown = RoundAnswer(
        round="r1", manifest=manifest.digest, opened=AT, known="no", delivered=(), case=None, matched=None, handed=(),
        destroyed=None, forgotten=None,
    )  # fmt: skip
    for page in (sent(manifest, "nl"), written_of(manifest, "nl", unknown).markdown):
        assert told in page
        assert "vraagt u aan die organisatie: fg@bureau.example" in page
    answered = answered_of(manifest, unknown)
    rows = [row for row in answer_rows(answered, "nl") if "geteld" in str(row[1])]
    assert [row[:4] for row in rows] == [
        (
            "r1",
            "groep van iedereen in dit register kan zijn geteld",
            "Bureau dat telt",
            "Bevolking naar herkomst",
        )
    ]
    assert "Bureau dat telt" not in sent(agreed(), "nl")


def test_the_signals_that_selected_somebody_are_told_and_no_other() -> None:
    one = sent(agreed(), "nl", ("klein",))
    assert "  Uw gegevens zijn geleverd om deze reden:\n  - **Kleine woning.** " in one
    assert "Hoog bedrag" not in one
    assert "niet bewaard" not in one
    both = sent(agreed(), "en", ("hoog", "klein"))
    assert "for all of these reasons:\n  - **Hoog bedrag.** " in both
    assert "- **Kleine woning.** " in both


def points_in(text: str, begin: str, end: str) -> str:
    """The points of a condition between these texts of a letter, as they were before Markdown."""
    lines = text.split(begin)[1].split(end)[0].splitlines()
    return "\n".join(
        re.sub(r"\\(.)", r"\1", line[2:].replace("- ", "", 1) if i == 0 else line[2:])
        for i, line in enumerate(lines)
        if line.strip()
    )


def test_a_criterion_of_more_points_is_told_in_full_with_its_reason() -> None:
    """Seen: of an OR nothing but "at least one of these points is true"."""
    text = sent(agreed("a > 3 OR (s = 'WW' AND f)"), "nl").replace("\\", "")
    said = (
        "  - Minstens één van deze punten is waar:\n"
        "    - ‘Aantal’ (a) is meer dan 3.\n"
        "    - Alle volgende punten zijn waar:\n"
        '      - ‘Soort is "WW" of iets anders dan’ is “WW”.\n'
        "      - ‘is bekend’ staat op ja.\n"
        "    - Reden: De reden van het criterium."
    )
    assert said in text


def test_every_signal_that_can_be_why_is_told_in_full() -> None:
    text = sent(agreed(), "nl")
    assert "minstens één van deze signalen" in text
    assert (
        "  - **Hoog bedrag.** Minstens één van deze punten is waar:\n    - ‘Bedrag 'per maand' in euro’ is minstens € 100."
        in text
    )
    assert "  - **Kleine woning.** ‘AantaI’ (b) is minder dan 3." in text


def test_the_rule_of_a_case_is_told_in_full() -> None:
    text = sent(agreed(rule="uwv AND (svb OR uwv_hoog)"), "nl")
    assert "Organisatie uwv heeft dit signaal: ‘Hoog bedrag’." in text
    assert "De persoon komt voor bij Organisatie svb." in text


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(predicates())
def test_no_part_of_a_predicate_is_missing_from_a_letter(text: str) -> None:
    """Neither of a criterion nor of the signal by which somebody was selected."""
    passing = ENGINE.simplify(parse_predicate(text, FIELDS))
    reason = "    - {}: De reden van het criterium."
    criterion = {
        "nl": ("aan al deze voorwaarden voldeed:\n", reason.format("Reden")),
        "en": ("met all of these conditions:\n", reason.format("Reason")),
    }
    manifest = agreed(text, signal=text)
    for lang in LANGUAGES:
        letter_of = sent(manifest, lang, ("hoog",)).replace("**Hoog bedrag.** ", "")
        assert reads_as(points_in(letter_of, *criterion[lang]), lang, passing)
        end = {"nl": "\n\nDe gegevens zijn vergeleken.", "en": "\n\nThe data were compared."}[lang]
        begin = {"nl": "geleverd om deze reden:\n", "en": "delivered for this reason:\n"}[lang]
        assert reads_as(points_in(letter_of, begin, end), lang, passing)


#: Columns of a match rule over two partners, and whether they are so for who stands where with which signals.
SEEN = {
    "uwv": lambda uwv, svb: uwv is not None,
    "svb": lambda uwv, svb: svb is not None,
    "uwv_hoog": lambda uwv, svb: uwv in (1, 3),
    "uwv_klein": lambda uwv, svb: uwv in (2, 3),
    "svb_hoog": lambda uwv, svb: svb in (1, 3),
    "svb_kort": lambda uwv, svb: svb in (2, 3),
    "partners >= 2": lambda uwv, svb: uwv is not None and svb is not None,
    "partners = 1": lambda uwv, svb: (uwv is None) != (svb is None),
}
#: Everybody that a round can find: at either with the signals 1, 2 or both (3), or not there.
SUBJECTS = [(u, s) for u in (None, 1, 2, 3) for s in (None, 1, 2, 3) if (u, s) != (None, None)]
Rule = tuple[str, frozenset[tuple[int | None, int | None]]]


def rules() -> st.SearchStrategy[Rule]:
    """A rule, and the subjects that it makes a case of."""
    leaves = st.sampled_from(
        [(name, frozenset(one for one in SUBJECTS if of(*one))) for name, of in SEEN.items()]
    )
    return st.recursive(
        leaves,
        lambda below: st.one_of(
            st.tuples(below, below).map(lambda p: (f"({p[0][0]} AND {p[1][0]})", p[0][1] & p[1][1])),
            st.tuples(below, below).map(lambda p: (f"({p[0][0]} OR {p[1][0]})", p[0][1] | p[1][1])),
            below.map(lambda one: (f"NOT ({one[0]})", frozenset(SUBJECTS) - one[1])),
        ),
        max_leaves=6,
    )


def test_no_two_rules_of_a_case_that_differ_read_the_same() -> None:
    """Nothing of a match rule is missing from a letter: rules that make cases of others are told in other words."""
    told: dict[tuple[Language, str], Rule] = {}

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(rules())
    def remember(rule: Rule) -> None:
        manifest = agreed(rule=rule[0])
        for lang in LANGUAGES:
            said = sent(manifest, lang).split(manifest.match.rationale)[1]
            before = told.setdefault((lang, said), rule)
            assert before[1] == rule[1], f"{before[0]} and {rule[0]} read the same:\n{said}"

    remember()
    assert len({rule[1] for rule in told.values()}) > min(EXAMPLES, 200) / 10


def reads_as(told: str, lang: Language, passing: frozenset[int]) -> bool:
    """Whether a text is read back, and in one meaning: this one."""
    readings = read(told, lang, NAMES)
    assert readings, told
    return all(ENGINE.numbers(reading) == passing for reading in readings)


def test_a_round_that_was_asked_about_and_is_not_answered_is_told() -> None:
    manifest = agreed()
    answer = AccessAnswer(project=manifest.project.id, controller="uwv", request="sha256:" + "1" * 64, at=NOW, rounds=(), manifests={})  # fmt: skip
    answered = Answered("uwv", "kenmerk", answer, {}, frozenset(), (), asked=("r1", "r2"))
    assert "Nog niet nagegaan: r1, r2." in letter(answered, "nl").markdown
    assert [row[:2] for row in answer_rows(answered, "nl")] == [
        ("r1", "nog niet nagegaan"),
        ("r2", "nog niet nagegaan"),
    ]
