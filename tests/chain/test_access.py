"""For every single person in a town, what an access request finds is exactly what happened to them by the plain truth."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest

from lsi_match.base.clock import utc_now
from lsi_match.crypto.project_key import ProjectKey, pseudonym
from lsi_match.demo import oracle
from lsi_match.demo.world import World
from lsi_match.log.entry import LogEntry
from lsi_match.log.steps import Step
from lsi_match.matcher.subjects.access_answers import Sought, answer, rounds_about
from lsi_match.partner.access.letter import letter
from lsi_match.partner.access.request import make_request, open_answer
from lsi_match.protocol.access_documents import RoundAnswer

from .conftest import ROUND, Town, copy_of, run_steps

Identifier = oracle.Identifier


class Truth(NamedTuple):
    """Of one identifier: whose records hold it (partner, selection, signal), whose came to it through another one, is it a
    case, and for whom."""

    delivered: frozenset[tuple[str, str, str]] = frozenset()
    through: frozenset[tuple[str, str, str]] = frozenset()
    case: bool = False
    handed: frozenset[str] = frozenset()


def truths(config: str, extracts: Path) -> dict[Identifier, Truth]:
    """Every identifier that any register holds, also of people whom nobody selected."""
    sources, rule = oracle.PROJECTS[config]
    found = {
        identifier: Truth()
        for source in sources
        for row in oracle.rows(extracts / source.file)
        for identifier in source.identify(row)
        if identifier is not None
    }
    sent = [record for source in sources for record in oracle.sent_records(source, extracts)]
    for record in sent:
        for identifier in record.identifiers:
            one = found[identifier]
            found[identifier] = one._replace(delivered=one.delivered | signals_of(record))
    for subject in oracle.subjects(sent):
        case = rule(oracle._profile(subject))
        for identifier in {one for record in subject for one in record.identifiers}:
            one = found[identifier]
            others = {one for r in subject if identifier not in r.identifiers for one in signals_of(r)}
            found[identifier] = one._replace(
                through=one.through | others,
                case=one.case or case,
                handed=one.handed | ({r.partner for r in subject} if case else set()),
            )
    return found


def signals_of(record: oracle.Sent) -> set[tuple[str, str, str]]:
    return {(record.partner, record.selection, signal) for signal in record.signals}


_KEYS: dict[Path, ProjectKey] = {}


def key_of(world: World) -> ProjectKey:
    if world.folder not in _KEYS:
        _KEYS[world.folder] = world.home(world.partners[0]).project_key(world.project.manifest())
    return _KEYS[world.folder]


def asked(world: World, *identifiers: Identifier) -> Sought:
    key = key_of(world)
    return {ROUND: {kind: (pseudonym(key, text, ROUND, kind),) for kind, text in identifiers}}


def told(one: RoundAnswer) -> Truth:
    return Truth(
        frozenset(
            (r.partner, r.selection, s) for r in one.delivered if not r.through_other for s in r.signals
        ),
        frozenset((r.partner, r.selection, s) for r in one.delivered if r.through_other for s in r.signals),
        bool(one.case),
        frozenset(h.partner for h in one.handed),
    )


@pytest.fixture(scope="module", params=["samenloop", "wijk"])
def over(
    request: pytest.FixtureRequest, made: Town, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, World]:
    """A project whose round was released and destroyed."""
    world = copy_of(made.worlds[request.param], tmp_path_factory.mktemp(request.param))
    run_steps(world)
    return request.param, world


def test_of_every_person_the_answer_is_the_truth(over: tuple[str, World]) -> None:
    config, world = over
    expected = truths(config, world.extracts)
    people = list(expected)
    answers = rounds_about(world.project, [asked(world, one) for one in people])
    wrong = [who for who, (one,) in zip(people, answers, strict=True) if told(one) != expected[who]]
    assert not wrong
    assert all(
        (one.known == "yes") == bool(expected[who].delivered)
        for who, (one,) in zip(people, answers, strict=True)
    )
    kinds = {(bool(t.delivered), bool(t.through), t.case) for t in expected.values()}
    assert {(False, False, False), (True, False, False), (True, False, True)} <= kinds, "too little to prove"
    if config == "samenloop":
        assert any(t.through for t in expected.values()), "nobody came together through another number"


def test_the_whole_way_from_a_typed_number_to_a_letter(over: tuple[str, World]) -> None:
    config, world = over
    expected = truths(config, world.extracts)
    home, manifest = world.home("gemeente"), world.project.manifest()
    chosen = [who for who, t in expected.items() if t.case][:2]
    chosen += [who for who, t in expected.items() if t.delivered and not t.case][:1]
    chosen += [who for who, t in expected.items() if not t.delivered][:1]
    for number, (kind, text) in enumerate(chosen):
        entered = {kind: text}
        if kind == "address":
            postcode, house, suffix = text.split("|")
            entered = {"postcode": postcode, "house_number": house, "addition": suffix}
        sealed = answer(
            world.project,
            make_request(home, world.project_id, entered, f"v-{number}", (), utc_now()),
            utc_now(),
        )
        opened = open_answer(home, world.project_id, f"v-{number}", sealed, utc_now())
        truth = expected[kind, text]
        assert [told(one) for one in opened.answer.rounds] == [truth]
        for lang in ("nl", "en"):
            written = letter(opened, lang).markdown.replace("\\", "")  # type: ignore[arg-type]
            assert text not in written, "no number in the letter"
            for partner, selection, signal in truth.delivered:
                source = next(s for s in manifest.partners[partner].selections if s.id == selection)
                assert next(s.label for s in source.signals if s.id == signal) in written
                assert manifest.controllers[partner].title in written
                assert source.source in written
            assert manifest.basis.legal_basis in written or not truth.delivered
        nl = letter(opened, "nl").markdown
        assert ("werd een casus" in nl) == truth.case
        assert ("Er is over u niets bekend" in nl) == (not truth.delivered)
        assert ("vernietigd op" in nl) == bool(truth.delivered)
    asks = [e for e in world.project.entries() if e.name == Step.ACCESS.value]
    assert len(asks) >= len(chosen)
    assert all(not _names(e, chosen, world) for e in asks), "the log holds nothing of the person"


def _names(entry: LogEntry, people: list[Identifier], world: World) -> bool:
    leaf = entry.leaf().decode()
    pseudonyms = [one.hex() for who in people for some in asked(world, who)[ROUND].values() for one in some]
    return any(text in leaf for text in (*pseudonyms, *(text for _, text in people)))


def test_no_pseudonym_stands_in_a_file_of_subjects_and_files_share_no_id(over: tuple[str, World]) -> None:
    config, world = over
    people = [who for who, t in truths(config, world.extracts).items() if t.delivered]
    pseudonyms = {one for who in people for some in asked(world, who)[ROUND].values() for one in some}
    seen: set[bytes] = set()
    files = sorted((world.project.folder / "subjects" / ROUND).glob("*.parquet"))
    assert len(files) == 2 * len(world.partners) + 1
    for file in files:
        table = pq.read_table(file)
        ids = {
            hi.to_bytes(8, "big") + lo.to_bytes(8, "big")
            for hi, lo in zip(table["hi"].to_pylist(), table["lo"].to_pylist(), strict=True)
        }
        assert ids.isdisjoint(pseudonyms)
        assert ids.isdisjoint(seen)
        seen |= ids
