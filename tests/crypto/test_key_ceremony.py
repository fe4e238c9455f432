"""Making the project key together: all partners end with one key, nobody picks it, and every cheat has a name."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import secrets
from dataclasses import dataclass
from pathlib import Path

import pytest
from refusals import raises

from lsi_match.base.canonical import canonical_json, digest_of_bytes
from lsi_match.base.files import FileMissingError
from lsi_match.crypto.key_ceremony import (
    Ceremony,
    CommitmentMissingError,
    RevealMissingError,
    commit,
    commitment_to,
    derive,
    draw,
    gather,
    reveal,
)
from lsi_match.crypto.keys import Identity, load_identity, make_identity
from lsi_match.crypto.project_key import ProjectKey
from lsi_match.crypto.sealing import SealBrokenError, seal, unseal
from lsi_match.crypto.signing import SignatureMissingError, peek, sign
from lsi_match.partner.ceremony import (
    KeyMaking,
)
from lsi_match.partner.home import Home
from lsi_match.protocol.documents import KeyCommitment, KeyContribution, KeyReveal, PublicKeys

NAMES = ("duo", "gemeente", "uwv")


@dataclass
class Party:
    identity: Identity
    contribution: KeyContribution
    commitment: bytes
    reveal: bytes = b""


@dataclass
class Table:
    """Everyone at the table, after committing and revealing honestly."""

    ceremony: Ceremony
    parties: dict[str, Party]

    @property
    def commitments(self) -> list[bytes]:
        return [party.commitment for party in self.parties.values()]

    @property
    def reveals(self) -> list[bytes]:
        return [party.reveal for party in self.parties.values()]

    def derive(
        self, name: str, commitments: list[bytes] | None = None, reveals: list[bytes] | None = None
    ) -> ProjectKey:
        party = self.parties[name]
        transcript = gather(self.ceremony, self.commitments if commitments is None else commitments)
        told = self.reveals if reveals is None else reveals
        return derive(self.ceremony, transcript, told, party.contribution, party.identity)


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Identity]:
    folder = tmp_path_factory.mktemp("keys")
    return {name: make_identity(name, folder / name) for name in (*NAMES, "stranger")}


def cards(identities: dict[str, Identity], names: tuple[str, ...] = NAMES) -> dict[str, PublicKeys]:
    return {name: PublicKeys.model_validate(identities[name].card) for name in names}


@pytest.fixture
def table(identities: dict[str, Identity]) -> Table:
    ceremony = Ceremony("samenloop", 1, cards(identities))
    parties = {}
    for name in NAMES:
        contribution = draw(ceremony, name, secrets.token_bytes)
        parties[name] = Party(
            identities[name], contribution, commit(ceremony, contribution, identities[name])
        )
    made = Table(ceremony, parties)
    transcript = gather(ceremony, made.commitments)
    for party in parties.values():
        party.reveal = reveal(ceremony, transcript, party.contribution, party.identity)
    return made


def changed_reveal(table: Table, name: str, **changes: object) -> bytes:
    """The reveal of `name`, altered and signed again by itself."""
    honest = peek(table.parties[name].reveal, KeyReveal, what="", party="")
    return sign(honest.model_copy(update=changes), table.parties[name].identity)


def changed_commitment(table: Table, name: str, **changes: object) -> bytes:
    honest = peek(table.parties[name].commitment, KeyCommitment, what="", party="")
    return sign(honest.model_copy(update=changes), table.parties[name].identity)


def sealed_to_all(table: Table, name: str, contribution: KeyContribution) -> dict[str, str]:
    content = canonical_json(contribution.model_dump(mode="json"))
    return {
        other: base64.b64encode(seal(content, card.encryption_key)).decode()
        for other, card in table.ceremony.cards.items()
        if other != name
    }


def test_all_partners_derive_the_same_key_in_whatever_order_files_arrive(table: Table) -> None:
    keys = {
        table.derive(name, list(commitments), list(reveals)).secret
        for name, commitments, reveals in itertools.product(
            NAMES, itertools.permutations(table.commitments), [table.reveals, table.reveals[::-1]]
        )
    }
    assert len(keys) == 1
    assert table.derive("uwv").epoch == 1


def test_another_attempt_gives_another_key(table: Table, identities: dict[str, Identity]) -> None:
    contribution = draw(table.ceremony, "uwv", secrets.token_bytes)
    again = commit(table.ceremony, contribution, identities["uwv"])
    commitments = [table.parties["duo"].commitment, table.parties["gemeente"].commitment, again]
    transcript = gather(table.ceremony, commitments)
    reveals = [
        reveal(table.ceremony, transcript, c, identities[c.partner])
        for c in (table.parties["duo"].contribution, table.parties["gemeente"].contribution, contribution)
    ]
    other = derive(table.ceremony, transcript, reveals, contribution, identities["uwv"])
    assert other.secret != table.derive("uwv").secret


def test_the_bytes_are_as_the_documentation_writes_them(table: Table) -> None:
    """An implementation of docs/keys.md with nothing but the standard library gives the same key."""

    def commitment(c: KeyContribution) -> str:
        text = (
            f'{{"contribution":"{c.contribution}","epoch":1,"format":"lsi-match/key-contribution/v1",'
            f'"nonce":"{c.nonce}","partner":"{c.partner}","project":"samenloop"}}'
        )
        return "sha256:" + hashlib.sha256(b"lsi-match/v1/key-commitment\0" + text.encode()).hexdigest()

    for party in table.parties.values():
        assert commitment(party.contribution) == commitment_to(party.contribution)
    listed = ",".join(f'"{n}":"{digest_of_bytes(table.parties[n].commitment)}"' for n in sorted(NAMES))
    text = f'{{"commitments":{{{listed}}},"epoch":1,"project":"samenloop"}}'
    transcript = hashlib.sha256(b"lsi-match/v1/key-transcript\0" + text.encode()).digest()
    material = b"".join(bytes.fromhex(table.parties[n].contribution.contribution) for n in sorted(NAMES))
    extracted = hmac.digest(transcript, material, "sha256")
    expanded = hmac.digest(extracted, b"lsi-match/v1/project-key/samenloop/1\x01", "sha256")
    assert table.derive("duo").secret == expanded


def test_a_commitment_shows_nothing_of_the_contribution(table: Table) -> None:
    for party in table.parties.values():
        for document in (party.commitment, party.reveal):
            envelope = document + base64.b64decode(json.loads(document)["payload"])
            assert party.contribution.contribution.encode() not in envelope
            assert party.contribution.nonce.encode() not in envelope


def test_each_copy_of_a_reveal_opens_for_one_partner_only(
    table: Table, identities: dict[str, Identity]
) -> None:
    word = peek(table.parties["uwv"].reveal, KeyReveal, what="", party="")
    assert word.sealed.keys() == {"duo", "gemeente"}
    for to, sealed in word.sealed.items():
        for name, identity in identities.items():
            copy = base64.b64decode(sealed)
            if name == to:
                opened = unseal(copy, identity.encryption, what="", party="")
                assert KeyContribution.model_validate_json(opened) == table.parties["uwv"].contribution
            else:
                with pytest.raises(SealBrokenError):
                    unseal(copy, identity.encryption, what="", party="")


# Nobody picks the key.


def test_who_reveals_last_cannot_choose_the_key(table: Table) -> None:
    """`uwv` waits for all others, then looks for bytes that give a key it likes. Every one is refused."""
    for _ in range(20):
        liked = draw(table.ceremony, "uwv", secrets.token_bytes)
        forged = changed_reveal(table, "uwv", sealed=sealed_to_all(table, "uwv", liked))
        for name in ("duo", "gemeente"):
            with raises("RevealDiffersError") as refused:
                table.derive(name, reveals=[*table.reveals[:2], forged])
            assert refused.value.facts == {"partner": "uwv"}


def test_the_same_bytes_with_another_nonce_do_not_open_the_commitment(table: Table) -> None:
    liked = table.parties["uwv"].contribution.model_copy(update={"nonce": "00" * 32})
    forged = changed_reveal(table, "uwv", sealed=sealed_to_all(table, "uwv", liked))
    with raises("RevealDiffersError"):
        table.derive("duo", reveals=[*table.reveals[:2], forged])


def test_telling_two_partners_different_things_is_refused_by_the_one_that_was_lied_to(table: Table) -> None:
    honest = peek(table.parties["uwv"].reveal, KeyReveal, what="", party="").sealed
    lie = sealed_to_all(table, "uwv", draw(table.ceremony, "uwv", secrets.token_bytes))
    forged = changed_reveal(table, "uwv", sealed={"duo": honest["duo"], "gemeente": lie["gemeente"]})
    table.derive("duo", reveals=[*table.reveals[:2], forged])
    with raises("RevealDiffersError"):
        table.derive("gemeente", reveals=[*table.reveals[:2], forged])


def test_a_partner_cannot_commit_to_what_another_committed_to(table: Table) -> None:
    """Copying a commitment would cancel the other out, were contributions XORed; here it cannot even be opened."""
    copied = peek(table.parties["duo"].commitment, KeyCommitment, what="", party="").commitment
    mirrored = changed_commitment(table, "uwv", commitment=copied)
    commitments = [*table.commitments[:2], mirrored]
    transcript = gather(table.ceremony, commitments)
    stolen = table.parties["duo"].contribution
    for attempt in (stolen, stolen.model_copy(update={"partner": "uwv"})):
        told = sealed_to_all(table, "uwv", attempt)
        forged = changed_reveal(table, "uwv", transcript=transcript.digest, sealed=told)
        party = table.parties["gemeente"]
        others = [
            reveal(table.ceremony, transcript, table.parties[n].contribution, table.parties[n].identity)
            for n in ("duo", "gemeente")
        ]
        with raises("RevealDiffersError"):
            derive(table.ceremony, transcript, [*others, forged], party.contribution, party.identity)


# Commitments.


def test_nothing_is_revealed_before_all_have_committed(table: Table) -> None:
    with pytest.raises(CommitmentMissingError) as refused:
        gather(table.ceremony, table.commitments[1:])
    assert refused.value.facts == {"names": "duo"}


def test_two_commitments_of_one_partner_are_refused(table: Table) -> None:
    second = commit(
        table.ceremony, draw(table.ceremony, "uwv", secrets.token_bytes), table.parties["uwv"].identity
    )
    with raises("CeremonyTwiceError"):
        gather(table.ceremony, [*table.commitments, second])
    gather(table.ceremony, [*table.commitments, table.commitments[0]])  # the same file twice is one


def test_a_commitment_changed_after_the_others_revealed_is_noticed(table: Table) -> None:
    liked = draw(table.ceremony, "uwv", secrets.token_bytes)
    swapped = [*table.commitments[:2], commit(table.ceremony, liked, table.parties["uwv"].identity)]
    with raises("TranscriptDiffersError"):
        table.derive("duo", commitments=swapped)


def test_a_commitment_signed_by_another_is_refused(table: Table, identities: dict[str, Identity]) -> None:
    honest = peek(table.parties["uwv"].commitment, KeyCommitment, what="", party="")
    with pytest.raises(SignatureMissingError):
        gather(table.ceremony, [*table.commitments[:2], sign(honest, identities["stranger"])])


def test_a_strangers_commitment_is_refused(table: Table, identities: dict[str, Identity]) -> None:
    wide = Ceremony("samenloop", 1, cards(identities, (*NAMES, "stranger")))
    uninvited = commit(wide, draw(wide, "stranger", secrets.token_bytes), identities["stranger"])
    with raises("CeremonyStrangerError"):
        gather(table.ceremony, [*table.commitments, uninvited])


@pytest.mark.parametrize("change", [{"project": "wijk"}, {"epoch": 2}])
def test_a_commitment_for_another_project_or_epoch_is_refused(
    table: Table, change: dict[str, object]
) -> None:
    with raises("OtherCeremonyError"):
        gather(table.ceremony, [*table.commitments[:2], changed_commitment(table, "uwv", **change)])


def test_a_partner_that_was_shown_another_card_is_noticed(
    table: Table, identities: dict[str, Identity], tmp_path: Path
) -> None:
    """A go-between that hands `uwv` a card of its own making for `duo` would read what `uwv` reveals."""
    false = make_identity("duo", tmp_path)
    shown = cards(identities) | {"duo": PublicKeys.model_validate(false.card)}
    word = commit(Ceremony("samenloop", 1, shown), table.parties["uwv"].contribution, identities["uwv"])
    with raises("CardsDifferError") as refused:
        gather(table.ceremony, [*table.commitments[:2], word])
    assert refused.value.facts == {"partner": "uwv", "names": "duo"}


def test_a_partner_that_counts_on_other_partners_is_noticed(
    table: Table, identities: dict[str, Identity]
) -> None:
    word = commit(
        Ceremony("samenloop", 1, cards(identities, ("duo", "uwv"))),
        table.parties["uwv"].contribution,
        identities["uwv"],
    )
    with raises("CardsDifferError"):
        gather(table.ceremony, [*table.commitments[:2], word])


def test_nobody_commits_with_another_card_than_its_own(table: Table, identities: dict[str, Identity]) -> None:
    with raises("CeremonyStrangerError"):
        commit(table.ceremony, table.parties["uwv"].contribution, identities["stranger"])


# Reveals.


def test_without_every_reveal_there_is_no_key(table: Table) -> None:
    with pytest.raises(RevealMissingError) as refused:
        table.derive("duo", reveals=table.reveals[:2])
    assert refused.value.facts == {"names": "uwv"}


def test_a_reveal_signed_by_another_is_refused(table: Table, identities: dict[str, Identity]) -> None:
    honest = peek(table.parties["uwv"].reveal, KeyReveal, what="", party="")
    with pytest.raises(SignatureMissingError):
        table.derive("duo", reveals=[*table.reveals[:2], sign(honest, table.parties["gemeente"].identity)])


def test_a_strangers_reveal_is_refused(table: Table, identities: dict[str, Identity]) -> None:
    honest = peek(table.parties["uwv"].reveal, KeyReveal, what="", party="")
    forged = sign(honest.model_copy(update={"partner": "stranger"}), identities["stranger"])
    with raises("CeremonyStrangerError"):
        table.derive("duo", reveals=[*table.reveals, forged])


@pytest.mark.parametrize("change", [{"project": "wijk"}, {"epoch": 2}])
def test_a_reveal_for_another_project_or_epoch_is_refused(table: Table, change: dict[str, object]) -> None:
    with raises("OtherCeremonyError"):
        table.derive("duo", reveals=[*table.reveals[:2], changed_reveal(table, "uwv", **change)])


def test_a_contribution_drawn_for_another_epoch_is_refused(table: Table) -> None:
    older = table.parties["uwv"].contribution.model_copy(update={"epoch": 2})
    forged = changed_reveal(table, "uwv", sealed=sealed_to_all(table, "uwv", older))
    with raises("RevealDiffersError"):
        table.derive("duo", reveals=[*table.reveals[:2], forged])


def test_two_reveals_of_one_partner_are_refused(table: Table) -> None:
    honest = peek(table.parties["uwv"].reveal, KeyReveal, what="", party="").sealed
    other = changed_reveal(table, "uwv", sealed={**honest, "gemeente": honest["duo"]})
    with raises("CeremonyTwiceError"):
        table.derive("duo", reveals=[*table.reveals, other])


def test_a_reveal_that_leaves_a_partner_out_is_refused(table: Table) -> None:
    honest = peek(table.parties["uwv"].reveal, KeyReveal, what="", party="").sealed
    forged = changed_reveal(table, "uwv", sealed={"gemeente": honest["gemeente"]})
    with pytest.raises(Exception, match="not a readable signed document"):
        table.derive("duo", reveals=[*table.reveals[:2], forged])


# What a partner keeps in between.


@pytest.fixture
def makers(tmp_path: Path) -> dict[str, KeyMaking]:
    made = {name: make_identity(name, tmp_path / name / "keys") for name in NAMES}
    ceremony = Ceremony("samenloop", 1, cards(made))
    return {name: KeyMaking(Home(tmp_path / name, name), ceremony) for name in NAMES}


def test_partners_make_a_key_and_keep_nothing_but_their_share(makers: dict[str, KeyMaking]) -> None:
    commitments = [maker.commit() for maker in makers.values()]
    reveals = [maker.reveal(commitments) for maker in makers.values()]
    checks = {maker.derive(commitments, reveals)[0].check_value for maker in makers.values()}
    assert len(checks) == 1
    for maker in makers.values():
        assert {file.name for file in maker.folder.iterdir()} == {"key-share.json", "reveal.json"}
        with raises("NotCommittedError"):
            maker.derive(commitments, reveals)


def test_a_contribution_at_rest_is_sealed(makers: dict[str, KeyMaking]) -> None:
    maker = makers["uwv"]
    maker.commit()
    file = maker.folder / "contribution.age"
    assert file.stat().st_mode & 0o777 == 0o600
    assert b'"contribution"' not in file.read_bytes()


def test_a_partner_commits_once_unless_all_start_again(makers: dict[str, KeyMaking]) -> None:
    first = makers["uwv"].commit()
    with raises("CommittedAlreadyError"):
        makers["uwv"].commit()
    assert makers["uwv"].commit(again=True) != first


def test_a_contribution_is_revealed_under_one_set_of_commitments_only(makers: dict[str, KeyMaking]) -> None:
    """Else `uwv` breaks off after it saw the others' bytes, commits afresh, and has picked the key after all."""
    commitments = {name: maker.commit() for name, maker in makers.items()}
    told = makers["duo"].reveal(commitments.values())
    assert makers["duo"].reveal(commitments.values()) == told
    commitments["uwv"] = makers["uwv"].commit(again=True)
    with raises("RevealedAlreadyError"):
        makers["duo"].reveal(commitments.values())


def test_who_has_not_revealed_gets_no_key(makers: dict[str, KeyMaking]) -> None:
    commitments = [maker.commit() for maker in makers.values()]
    others = [makers[name].reveal(commitments) for name in ("duo", "gemeente")]
    with pytest.raises(RevealMissingError):
        makers["uwv"].derive(commitments, others)


def test_a_home_without_keys_says_so(makers: dict[str, KeyMaking], tmp_path: Path) -> None:
    with pytest.raises(FileMissingError):
        load_identity("nobody", tmp_path / "nobody")
