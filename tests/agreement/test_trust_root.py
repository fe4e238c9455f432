"""The rules of the trust root: what makes a version count, and every way in which somebody may try otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from parties import Parties
from pydantic import ValidationError
from refusals import raises

from lsi_match.agreement.trust_root_draft import RootDraftError, changes, compose
from lsi_match.agreement.trust_root_rules import (
    FirstSeen,
    RootMissingError,
    RootUnsignedError,
    SignedRoot,
    Trust,
    chain,
    check_current,
    check_first,
    check_next,
    check_parties,
    load_root,
    project_of,
    read_roots,
    sign_root,
    walk,
)
from lsi_match.agreement.trust_root_store import TrustStore
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.cli.main import run
from lsi_match.crypto.keys import Identity, make_identity
from lsi_match.crypto.signing import SignedDocumentInvalidError
from lsi_match.protocol.documents import PublicKeys
from lsi_match.protocol.trust_root import Role, TrustRoot

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CONTROLLERS = ("gemeente", "uwv", "svb")
PROJECT = "proef"
Change = dict[str, Any]


@dataclass
class Signers:
    """Identities, and roots among them; threshold 2 of 3."""

    folder: Path
    identities: dict[str, Identity] = field(default_factory=dict)

    def identity(self, name: str, home: str = "") -> Identity:
        """The identity of `name` in its folder `home`, made when it is not there."""
        key = f"{name}@{home}"
        if key not in self.identities:
            self.identities[key] = make_identity(name, self.folder / key)
        return self.identities[key]

    def card(self, name: str, home: str = "") -> PublicKeys:
        return PublicKeys.model_validate(self.identity(name, home).card)

    def root(self, previous: TrustRoot | None = None, at: datetime = NOW, **cards: PublicKeys) -> TrustRoot:
        """A version with these cards in place of the usual ones."""
        names = (*CONTROLLERS, "matcher")
        parties = {name: (name.title(), f"{i + 1:020d}") for i, name in enumerate(names)}
        every = {name: self.card(name) for name in names} | cards
        return compose(PROJECT, parties, every, at, previous=previous, threshold=2)

    def signed(self, root: TrustRoot, by: Iterable[str] = CONTROLLERS) -> list[bytes]:
        """`root`, signed by each of these: `uwv`, or `uwv@home`."""
        return [sign_root(root, self.identity(*one.split("@"))) for one in by]


@pytest.fixture
def signers(tmp_path: Path) -> Signers:
    return Signers(tmp_path / "keys")


@pytest.fixture
def store(tmp_path: Path, signers: Signers) -> TrustStore:
    """A home that took in version 1."""
    home = TrustStore(tmp_path / "home", PROJECT)
    first = signers.root()
    take(home, signers.signed(first), pin=first.digest)
    return home


def take(home: TrustStore, pile: Iterable[bytes], now: datetime = NOW, pin: str | None = None) -> None:
    home.keep(home.news(pile, pin, now))


def changed(root: TrustRoot, **members: Any) -> TrustRoot:
    return TrustRoot.model_validate(root.model_dump(mode="json") | members)


# The first version.


def test_the_first_version_counts_by_the_digest_that_a_person_compared(
    tmp_path: Path, signers: Signers
) -> None:
    home, first = TrustStore(tmp_path / "home", PROJECT), signers.root()
    pile = signers.signed(first)
    with raises("RootNotPinnedError") as refused:
        take(home, pile)
    assert refused.value.facts["digest"] == first.digest
    with raises("RootPinDiffersError"):
        take(home, pile, pin="sha256:" + "0" * 64)
    with pytest.raises(RootMissingError):
        home.roots(NOW)
    take(home, pile, pin=first.digest)
    assert home.roots(NOW) == (first,)


def test_the_first_version_needs_its_threshold_of_organisations(tmp_path: Path, signers: Signers) -> None:
    home, first = TrustStore(tmp_path / "home", PROJECT), signers.root()
    with pytest.raises(RootUnsignedError) as refused:
        take(home, signers.signed(first, ["uwv"]), pin=first.digest)
    assert (refused.value.facts["signed"], refused.value.facts["names"]) == (1, "uwv")
    take(home, signers.signed(first, ["uwv", "svb"]), pin=first.digest)


def test_a_later_version_cannot_be_the_first_one_seen(tmp_path: Path, signers: Signers) -> None:
    first = signers.root()
    second = signers.root(first)
    with raises("RootGapError"):
        take(TrustStore(tmp_path / "h", PROJECT), signers.signed(second), pin=second.digest)


def test_a_root_of_another_project_is_refused(tmp_path: Path, signers: Signers, store: TrustStore) -> None:
    first = signers.root()
    with raises("RootOtherProjectError"):
        take(TrustStore(tmp_path / "h", "ander"), signers.signed(first), pin=first.digest)
    foreign = changed(signers.root(first), project="ander")
    with raises("RootOtherProjectError"):
        take(store, signers.signed(foreign))


# The next version.


def test_versions_are_walked_one_at_a_time_and_in_any_order_of_files(
    signers: Signers, store: TrustStore
) -> None:
    second = signers.root(signers.root())
    third = signers.root(second)
    take(store, [*signers.signed(third), *signers.signed(second)])
    assert [root.version for root in store.roots(NOW)] == [1, 2, 3]
    take(store, signers.signed(third))  # again: nothing new, nothing wrong
    assert store.roots(NOW)[-1] == third


def test_a_lost_key_is_replaced_by_the_others(signers: Signers, store: TrustStore) -> None:
    second = signers.root(signers.root(), uwv=signers.card("uwv", "new"))
    take(store, signers.signed(second, ["gemeente", "svb"]))
    third = signers.root(second, uwv=signers.card("uwv", "new"))
    with pytest.raises(RootUnsignedError):  # the lost key signs nothing any more
        take(store, signers.signed(third, ["gemeente", "uwv"]))
    take(store, signers.signed(third, ["gemeente", "uwv@new"]))


def test_a_version_signed_only_under_itself_is_refused(signers: Signers, store: TrustStore) -> None:
    """Who holds none of the present keys names his own and signs with those."""
    own = {name: signers.card(name, "impostor") for name in CONTROLLERS}
    taken_over = signers.root(signers.root(), **own)
    with pytest.raises(RootUnsignedError) as refused:
        take(store, signers.signed(taken_over, [f"{name}@impostor" for name in CONTROLLERS]))
    assert (refused.value.facts["under"], refused.value.facts["signed"]) == (1, 0)


def test_a_version_signed_only_under_the_one_before_is_refused(signers: Signers, store: TrustStore) -> None:
    """Keys go in that nobody has shown to hold."""
    own = {name: signers.card(name, "new") for name in CONTROLLERS}
    second = signers.root(signers.root(), **own)
    with pytest.raises(RootUnsignedError) as refused:
        take(store, signers.signed(second))
    assert (refused.value.facts["under"], refused.value.facts["signed"]) == (2, 0)
    both = signers.signed(second) + signers.signed(second, ["uwv@new", "svb@new"])
    take(store, both)


def test_organisations_are_counted_and_not_keys(tmp_path: Path, signers: Signers) -> None:
    """One organisation with two keys for trust roots is one organisation."""
    home = TrustStore(tmp_path / "home", PROJECT)
    spare = signers.identity("uwv", "spare").signing_key
    value = signers.root().model_dump(mode="json")
    value["organisations"]["uwv"]["keys"].append({"signing_key": spare, "roles": ["root"]})
    first = TrustRoot.model_validate(value)
    with pytest.raises(RootUnsignedError) as refused:
        take(home, signers.signed(first, ["uwv", "uwv@spare"]), pin=first.digest)
    assert (refused.value.facts["signed"], refused.value.facts["names"]) == (1, "uwv")


def test_a_key_for_something_else_does_not_sign_roots(signers: Signers, tmp_path: Path) -> None:
    cards = {f"{name}.approve": signers.card(name, "person") for name in CONTROLLERS}
    first = signers.root(**cards)
    assert first.organisations["uwv"].keys_for(Role.APPROVE) == (signers.card("uwv", "person").signing_key,)
    assert first.organisations["uwv"].keys_for(Role.ROOT) == (signers.card("uwv").signing_key,)
    pile = signers.signed(first, [*(f"{name}@person" for name in CONTROLLERS), "matcher"])
    with pytest.raises(RootUnsignedError):
        take(TrustStore(tmp_path / "h", PROJECT), pile, pin=first.digest)


def test_one_signature_many_times_is_one_signature(tmp_path: Path, signers: Signers) -> None:
    first = signers.root()
    (paper,) = signers.signed(first, ["uwv"])
    twice = json.loads(paper)
    twice["signatures"] *= 2
    home = TrustStore(tmp_path / "h", PROJECT)
    with pytest.raises(RootUnsignedError):
        take(home, [paper, paper, paper + paper], pin=first.digest)
    with pytest.raises(SignedDocumentInvalidError):
        take(home, [json.dumps(twice).encode()], pin=first.digest)


def test_a_signature_that_was_stripped_or_moved_is_none(tmp_path: Path, signers: Signers) -> None:
    first = signers.root()
    papers = {name: json.loads(paper) for name, paper in zip(CONTROLLERS, signers.signed(first), strict=True)}
    home = TrustStore(tmp_path / "h", PROJECT)
    stripped = papers["svb"] | {"signatures": []}
    with pytest.raises(SignedDocumentInvalidError):
        take(home, [written(papers["uwv"]), written(stripped)], pin=first.digest)
    # The signature of one under the name of another's key.
    moved = json.loads(json.dumps(papers["uwv"]))
    moved["signatures"][0]["keyid"] = papers["svb"]["signatures"][0]["keyid"]
    with pytest.raises(RootUnsignedError):
        take(home, [written(papers["uwv"]), written(moved)], pin=first.digest)


def written(envelope: dict[str, Any]) -> bytes:
    from lsi_match.base.canonical import canonical_json

    return canonical_json(envelope) + b"\n"


def test_nothing_goes_back(signers: Signers, store: TrustStore) -> None:
    first = signers.root()
    take(store, signers.signed(signers.root(first)))
    with raises("RootRolledBackError"):
        take(store, signers.signed(first))
    assert len(store.roots(NOW)) == 2


def test_a_gap_is_refused_and_nothing_is_taken_in(signers: Signers, store: TrustStore) -> None:
    second = signers.root(signers.root())
    third = signers.root(second)
    with raises("RootGapError"):
        take(store, signers.signed(third))
    with raises("RootGapError"):
        take(store, [*signers.signed(second), *signers.signed(signers.root(third))])
    assert len(store.roots(NOW)) == 1


def test_two_histories_are_refused(signers: Signers, store: TrustStore) -> None:
    first = signers.root()
    second = signers.root(first)
    other = signers.root(first, at=NOW + timedelta(minutes=1))
    later = NOW + timedelta(hours=1)
    with raises("RootForkedError"):
        take(store, [*signers.signed(second), *signers.signed(other)], later)
    take(store, signers.signed(second), later)
    with raises("RootForkedError"):
        take(store, signers.signed(other), later)
    # a third version, properly signed, that follows the other second
    with raises("RootForkedError"):
        take(store, signers.signed(signers.root(other, at=later)), later)


def test_dates(signers: Signers, store: TrustStore) -> None:
    first = signers.root()
    future, before = (signers.root(first, at=NOW + timedelta(hours=hours)) for hours in (1, -1))
    for root in (future, before):
        with raises("RootDateError"):
            take(store, signers.signed(root))


def test_what_was_read_once_is_judged_again_at_another_time_and_when_a_byte_of_it_changes(
    signers: Signers, store: TrustStore
) -> None:
    take(store, signers.signed(signers.root(signers.root(), at=NOW)), NOW)
    assert len(store.roots(NOW)) == 2
    with raises("RootDateError"):
        store.roots(NOW - timedelta(days=400))
    newest = store.folder / "0002.json"
    newest.write_bytes(newest.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(RootUnsignedError):
        store.roots(NOW)


def test_an_expired_version_stands_only_in_the_way_to_the_next(signers: Signers, store: TrustStore) -> None:
    first = signers.root()
    second = changed(signers.root(first), expires_at=(NOW + timedelta(days=1)).isoformat())
    late = NOW + timedelta(days=2)
    with raises("RootExpiredError"):
        take(store, signers.signed(second), late)
    take(store, [*signers.signed(second), *signers.signed(signers.root(second, at=late))], late)
    assert len(store.roots(late)) == 3


def test_who_replaces_a_key_signs_with_both_and_neither_pushes_out_the_other(
    tmp_path: Path, signers: Signers
) -> None:
    """By the command, into one folder: version 1 counts the old key, version 2 the new one."""
    old, new = (make_identity("uwv", tmp_path / home / "keys") for home in ("old", "new"))
    first = signers.root(uwv=PublicKeys.model_validate(old.card))
    second = signers.root(first, uwv=PublicKeys.model_validate(new.card))
    others = ("gemeente", "svb")
    take(TrustStore(tmp_path / "old", PROJECT), signers.signed(first, others), pin=first.digest)
    file, drafted = tmp_path / "papers" / "trust-root.2.uwv.json", tmp_path / "second.json"
    drafted.write_bytes(second.canonical())
    for home in ("new", "old", "new"):
        assert (
            run(["trust", "sign", str(drafted), "uwv", str(tmp_path / home), "--out", str(file.parent)]) == 0
        )
    (read,) = read_roots([file.read_bytes()])
    assert len(read.papers) == 2
    assert read.signers(first) == read.signers(second) == {"uwv"}
    # of a draft that was given up nothing stays
    other = signers.root(first, at=NOW + timedelta(hours=1), uwv=PublicKeys.model_validate(new.card))
    drafted.write_bytes(other.canonical())
    assert run(["trust", "sign", str(drafted), "uwv", str(tmp_path / "new"), "--out", str(file.parent)]) == 0
    assert [one.root for one in read_roots([file.read_bytes()])] == [other]


# What a version cannot say.


def test_one_key_under_two_organisations_or_two_roles_is_refused(signers: Signers) -> None:
    with pytest.raises(RootDraftError):
        signers.root(svb=PublicKeys(**{**signers.card("uwv").model_dump(), "name": "svb"}))
    with pytest.raises(RootDraftError):
        signers.root(**{"uwv.approve": signers.card("uwv")})


IMPOSSIBLE: list[Callable[[Change], object]] = [
    lambda d: d.update(threshold=1),
    lambda d: d.update(threshold=4),
    lambda d: d.update(expires_at=d["issued_at"]),
    lambda d: d.update(expires_at="2036-06-01T12:00:00Z"),
    lambda d: d.update(previous="sha256:" + "0" * 64),
    lambda d: d.update(version=2),
    lambda d: d.update(keyid="chosen"),
    lambda d: d["organisations"]["uwv"]["keys"][0].update(keyid="chosen"),
    lambda d: d["organisations"].pop("matcher"),
    lambda d: d["organisations"]["uwv"].update(oin=d["organisations"]["svb"]["oin"]),
    lambda d: d["organisations"]["uwv"].update(encryption_key=d["organisations"]["svb"]["encryption_key"]),
    lambda d: d["organisations"]["uwv"]["keys"][0].update(roles=["root", "approve", "acknowledge"]),
    lambda d: d["organisations"]["uwv"]["keys"][0]["roles"].append("match"),
    lambda d: d["organisations"]["uwv"]["keys"][0]["roles"].append("root"),
    lambda d: d["organisations"]["matcher"]["keys"][0]["roles"].append("approve"),
    lambda d: d["organisations"]["matcher"]["keys"][0]["roles"].append("root"),
    lambda d: d["organisations"]["matcher"]["keys"][0].update(signing_key="ecdsa-sha2-nistp256:02" + "a" * 64),
]  # fmt: skip


@pytest.mark.parametrize("change", IMPOSSIBLE, ids=range(len(IMPOSSIBLE)))
def test_what_no_version_can_say(signers: Signers, change: Callable[[Change], object]) -> None:
    value = signers.root().model_dump(mode="json")
    assert TrustRoot.model_validate(value) == signers.root()
    change(value)
    with pytest.raises(ValidationError):
        TrustRoot.model_validate(value)


def test_a_threshold_of_half_is_refused(signers: Signers) -> None:
    """With half or less, two halves could each make a next version."""
    value = signers.root().model_dump(mode="json")
    fourth = json.loads(json.dumps(value["organisations"]["svb"]))
    fourth.update(oin="9" * 20, encryption_key=f"age1{9:058d}")
    for number, key in enumerate(fourth["keys"]):
        key["signing_key"] = f"{9 - number}" * 64
    value["organisations"]["ind"] = fourth
    with pytest.raises(ValidationError):
        TrustRoot.model_validate(value)
    assert TrustRoot.model_validate(value | {"threshold": 3}).threshold == 3


# Drafts and files.


@pytest.mark.parametrize("stem", ["uwv.weird", "svb", "stranger", "uwv.match"])
def test_a_card_in_a_wrong_place_makes_no_draft(signers: Signers, stem: str) -> None:
    with pytest.raises(RootDraftError):
        signers.root(**{stem: signers.card("uwv", "other")})


def test_what_changed_is_told_by_organisation(signers: Signers) -> None:
    first = signers.root()
    assert changes(None, first) == [*CONTROLLERS, "matcher"]
    assert changes(first, signers.root(first, uwv=signers.card("uwv", "new"))) == ["uwv"]


def test_a_first_version_that_was_half_written_is_taken_in_again(tmp_path: Path, signers: Signers) -> None:
    home, first = TrustStore(tmp_path / "home", PROJECT), signers.root()
    take(home, signers.signed(first), pin=first.digest)
    (home.folder / "0001.json").unlink()
    take(home, signers.signed(first), pin=first.digest)
    assert home.roots(NOW) == (first,)


@pytest.mark.parametrize("data", [b"{}\n", b"no json\n", b"\xff\n", b"[]\n"])
def test_a_file_that_is_no_signed_root_is_refused(store: TrustStore, data: bytes) -> None:
    with pytest.raises(SignedDocumentInvalidError):
        take(store, [data])


def test_reading_counts_nobody(signers: Signers) -> None:
    first = signers.root()
    (read,) = read_roots([*signers.signed(first), *signers.signed(first)])
    assert (read.root, len(read.papers)) == (first, 3)
    assert read.signers(first) == set(CONTROLLERS)


# What is told when a version does not count, and by which version a paper and a manifest are judged.


def facts(error: str, call: Callable[[], object]) -> dict[str, Any]:
    with raises(error) as refused:
        call()
    return dict(refused.value.facts)


def signed(signers: Signers, root: TrustRoot, by: Iterable[str] = CONTROLLERS) -> SignedRoot:
    (read,) = read_roots(signers.signed(root, by))
    return read


def test_the_first_version_is_told_by_number_and_date(signers: Signers) -> None:
    first = signers.root()
    second = signed(signers, signers.root(first))
    gap = facts("RootGapError", lambda: check_first(second, PROJECT, second.root.digest, NOW))
    assert (gap["version"], gap["expected"], gap["found"]) == (0, 1, 2)
    future = NOW - timedelta(seconds=1)
    date = facts("RootDateError", lambda: check_first(signed(signers, first), PROJECT, first.digest, future))
    assert (date["version"], date["date"]) == (1, "2026-06-01")
    check_first(signed(signers, first), PROJECT, first.digest, NOW)
    nobody = SignedRoot(first, ())
    unsigned = facts("RootUnsignedError", lambda: check_first(nobody, PROJECT, first.digest, NOW))
    assert (unsigned["signed"], unsigned["threshold"], unsigned["names"]) == (0, 2, "-")


def test_the_next_version_is_told_by_number(signers: Signers) -> None:
    first = signers.root()
    second = signers.root(first)
    third = signers.root(second)
    gap = facts("RootGapError", lambda: check_next(first, signed(signers, third), NOW))
    assert (gap["version"], gap["expected"], gap["found"]) == (1, 2, 3)
    for older in (first, second):
        back = facts(
            "RootRolledBackError", lambda older=older: check_next(second, signed(signers, older), NOW)
        )  # type: ignore[misc]
        assert (back["version"], back["found"]) == (2, older.version)
    foreign = changed(second, project="ander")
    other = facts("RootOtherProjectError", lambda: check_next(first, signed(signers, foreign), NOW))
    assert (other["found"], other["project"]) == ("ander", PROJECT)


def test_a_version_stands_until_its_last_second(signers: Signers) -> None:
    root = signers.root()
    check_current(root, root.expires_at - timedelta(seconds=1))
    with raises("RootExpiredError"):
        check_current(root, root.expires_at)


def test_a_draft_is_read_in_its_canonical_form_only(signers: Signers) -> None:
    root = signers.root()
    assert load_root(root.canonical()) == root
    for data in (root.canonical() + b"\n", b"{}", b"no json"):
        with raises("RootUnreadableError"):
            load_root(data)


def test_a_pile_at_its_own_word_is_walked_all_the_same(signers: Signers) -> None:
    first = signers.root()
    second = signers.root(first)
    pile = [*signers.signed(second), *signers.signed(first)]
    assert chain(pile, PROJECT, NOW) == Trust((first, second))
    assert project_of(pile) == PROJECT
    with pytest.raises(RootMissingError):
        project_of([])
    with pytest.raises(RootMissingError):
        chain([], PROJECT, NOW)
    with pytest.raises(RootUnsignedError):
        chain([*signers.signed(first), *signers.signed(second, ["uwv"])], PROJECT, NOW)
    for name, versions in (
        ("ander", pile),
        (PROJECT, [*pile, *signers.signed(changed(first, project="ander"))]),
    ):
        with raises("RootOtherProjectError"):
            chain(versions, name, NOW)


def test_a_pile_that_ends_earlier_goes_back_and_one_that_ends_where_we_are_does_not(signers: Signers) -> None:
    first = signers.root()
    second = signers.root(first)
    known = (first, second)
    back = facts("RootRolledBackError", lambda: walk(known, signers.signed(first), PROJECT, None, NOW))
    assert (back["version"], back["found"]) == (2, 1)
    assert walk(known, signers.signed(second), PROJECT, None, NOW) == []


def test_a_paper_is_judged_by_the_version_under_which_it_came_in(signers: Signers) -> None:
    first = signers.root()
    second = signers.root(first)
    then = NOW - timedelta(days=3)
    seen = {
        digest_of_bytes(b"old"): FirstSeen(1, then),
        digest_of_bytes(b"of a later one"): FirstSeen(3, then),
    }
    trust = Trust((first, second), seen)
    assert trust.judge(b"old", NOW) == (first, then)
    assert trust.judge(b"new", NOW) == (second, NOW)
    gone = facts("RootRolledBackError", lambda: trust.judge(b"of a later one", NOW))
    assert (gone["version"], gone["found"]) == (3, 2)


def test_a_manifest_is_that_of_the_parties_when_every_key_and_number_is(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    trust, agreed = parties.trust, parties.manifest
    trust.check(agreed, NOW)
    for name in ("svb", "matcher"):
        for change in ({"signing_key": "7" * 64}, {"encryption_key": f"age1{7:058d}"}, {"oin": "7" * 20}):
            party = agreed.matcher if name == "matcher" else agreed.controllers[name]
            other = party.model_copy(update=change)
            where = (
                {"matcher": other}
                if name == "matcher"
                else {"controllers": {**agreed.controllers, name: other}}
            )
            differs = agreed.model_copy(update=where)
            assert facts("PartyKeyDiffersError", lambda m=differs: trust.check(m, NOW))["name"] == name  # type: ignore[misc]
    value = parties.root.model_dump(mode="json")
    del value["organisations"]["svb"]
    smaller = Trust((TrustRoot.model_validate(value),))
    assert facts("PartyUnknownError", lambda: smaller.check(agreed, NOW))["name"] == "svb"
    with raises("RootExpiredError"):
        trust.check(agreed, parties.root.expires_at)
    elsewhere = Trust((changed(parties.root, project="ander"),))
    with raises("RootOtherProjectError"):
        elsewhere.check(agreed, NOW)


def test_a_key_to_deliver_with_is_none_to_match_with(tmp_path: Path) -> None:
    """Each party's key in the manifest has the role of that party."""
    parties = Parties(tmp_path)
    value = parties.root.model_dump(mode="json")
    key = value["organisations"]["svb"]["keys"][0]
    key["roles"] = [role for role in key["roles"] if role != "deliver"]
    value["organisations"]["svb"]["keys"].append({"signing_key": "7" * 64, "roles": ["deliver"]})
    with raises("PartyKeyDiffersError"):
        check_parties(parties.manifest, TrustRoot.model_validate(value))


def test_the_first_version_of_a_pile_says_of_which_project_it_is(signers: Signers) -> None:
    first = signers.root()
    foreign = changed(signers.root(first), project="ander")
    assert project_of([*signers.signed(foreign), *signers.signed(first)]) == PROJECT
    assert project_of(signers.signed(first)) == PROJECT
    other = facts(
        "RootOtherProjectError", lambda: check_first(signed(signers, first), "ander", first.digest, NOW)
    )
    assert (other["found"], other["project"]) == (PROJECT, "ander")


def test_a_pile_goes_as_far_as_its_last_version(signers: Signers) -> None:
    first = signers.root()
    second = signers.root(first)
    third = signers.root(second)
    pile = [*signers.signed(first), *signers.signed(second)]
    assert walk((first, second), pile, PROJECT, None, NOW) == []
    back = facts("RootRolledBackError", lambda: walk((first, second, third), pile, PROJECT, None, NOW))
    assert (back["version"], back["found"]) == (3, 2)
