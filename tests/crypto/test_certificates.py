"""Approving with a certificate, over made-up authorities: what counts, and every chain that does not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from authorities import Issued, Key, issue, p256, pem_of, revocation_list
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from handmade import EARLIER, NOW, document
from parties import Parties
from refusals import raises

from lsi_match.agreement.approvals import (
    ApprovalInvalidError,
    acknowledge,
    approve,
    check_approvals,
    read_agreement,
    withdraw,
)
from lsi_match.agreement.endings import ends_of_agreement
from lsi_match.agreement.trust_root_draft import compose
from lsi_match.agreement.trust_root_rules import FirstSeen, Trust
from lsi_match.base.canonical import canonical_json, digest_of_bytes
from lsi_match.cli.main import run
from lsi_match.crypto import passphrase
from lsi_match.crypto.certificates import (
    CertificateRefusedError,
    CertificateUnreadableError,
    Certified,
    certified_key,
    read_authority,
    read_certified,
    read_chain,
)
from lsi_match.crypto.revocation import Revocations, read_list
from lsi_match.crypto.signing import peek, sign
from lsi_match.protocol.documents import Approval, PublicKeys

NONE = Revocations((), timedelta(days=7))
OIN = f"{2:020d}"  # of uwv, in the documents of handmade


def revoked(one: Issued, since: datetime, *extensions: x509.ExtensionType) -> x509.RevokedCertificate:
    made = (
        x509.RevokedCertificateBuilder().serial_number(one.certificate.serial_number).revocation_date(since)
    )
    for extension in extensions:
        made = made.add_extension(extension, critical=False)
    return made.build()


@dataclass
class Office(Parties):
    """Parties of which uwv approves by certificate: an authority, one between, and the certificate of uwv."""

    anchor: Issued = field(default_factory=lambda: issue(authority=True))

    def __post_init__(self) -> None:
        super().__post_init__()
        self.between = self.anchor.issue(authority=True)
        self.own = self.between.issue(oins=[OIN])
        authority = read_authority(self.anchor.pem, "anchor")
        parties = {name: (one["title"], one["oin"]) for name, one in self.draft["controllers"].items()}
        parties["matcher"] = (self.draft["matcher"]["title"], self.draft["matcher"]["oin"])
        cards = {name: PublicKeys.model_validate(one.card) for name, one in self.identities.items()}
        self.root = compose(self.root.project, parties, cards, EARLIER, authorities={"uwv": authority})
        self.trust = Trust((self.root,), revocations=self.lists())

    def lists(self, **changes: Any) -> tuple[bytes, ...]:
        """What both authorities say was revoked: nothing."""
        return tuple(revocation_list(one, **changes) for one in (self.anchor, self.between))

    def certified(self, *chain: Issued) -> Certified:
        """uwv, with this chain and the key of its first certificate."""
        pem, signing = b"".join(one.pem for one in chain), chain[0].key
        assert not isinstance(signing, ed25519.Ed25519PrivateKey)
        return Certified("uwv", signing, read_chain(pem, "chain"))

    def problem(self, *chain: Issued, at: datetime = NOW, now: datetime = NOW) -> str:
        """Why an approval with this chain does not count; empty when it does."""
        paper = approve(self.manifest, self.certified(*chain), at)
        found = read_agreement(self.manifest, {**self.approvals, "uwv": paper}, now, self.trust)
        assert bool(found.problems) is ("uwv" not in found.approvals)
        return found.problems.get("uwv", {}).get("problem", "")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


# What counts.


def test_a_certificate_without_alternative_name_counts_by_the_oin_in_its_subject(office: Office) -> None:
    assert office.problem(office.own, office.between) == ""
    assert office.problem(office.anchor.issue(oins=[OIN])) == ""  # with nothing between


@pytest.mark.parametrize(
    "key", [lambda: rsa.generate_private_key(65537, 2048), lambda: ec.generate_private_key(ec.SECP384R1())]
)
def test_keys_of_rsa_and_p384_count(office: Office, key: Callable[[], Key]) -> None:
    assert office.problem(office.between.issue(oins=[OIN], key=key()), office.between) == ""


def test_purposes_and_policies_that_certificates_of_organisations_have_are_no_obstacle(
    office: Office,
) -> None:
    policy = x509.PolicyInformation(x509.ObjectIdentifier("2.16.528.1.1003.1.2.5.7"), None)
    extensions = [
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False),
        (x509.CertificatePolicies([policy]), False),
        (x509.SubjectAlternativeName([x509.DNSName("uwv.example")]), False),
    ]
    assert office.problem(office.between.issue(oins=[OIN], extensions=extensions), office.between) == ""


def test_withdrawing_and_acknowledging_go_by_certificate_too(office: Office) -> None:
    by = office.certified(office.own, office.between)
    papers = {
        **office.approvals,
        "uwv": approve(office.manifest, by, NOW),
        "a": acknowledge(office.manifest, by, ("datasteward",), NOW),
    }
    assert read_agreement(office.manifest, papers, NOW, office.trust).roles == {"uwv": ("datasteward",)}
    gone = withdraw(office.manifest, by, "Het kan niet meer.", NOW)
    with raises("ApprovalWithdrawnError"):
        check_approvals(office.manifest, {**papers, "w": gone}, NOW, office.trust)


def test_when_a_certificate_ends_with_which_somebody_signed_is_told(office: Office) -> None:
    soon = office.between.issue(oins=[OIN], last=NOW + timedelta(days=20))
    papers = {
        **office.approvals,
        "uwv": approve(office.manifest, office.certified(soon, office.between), NOW),
    }

    def told() -> list[tuple[str, datetime]]:
        found = ends_of_agreement(office.manifest, office.trust, papers.values())
        return [(one.name, one.at) for one in found if one.what == "certificate"]

    assert told() == [("uwv", NOW + timedelta(days=20))]
    later = office.certified(office.own, office.between)
    papers["a"] = acknowledge(office.manifest, later, ("datasteward",), NOW)
    assert told() == [("uwv", NOW + timedelta(days=30))]


def test_when_the_lists_end_by_which_a_certificate_counts_is_told(office: Office) -> None:
    papers = {"uwv": approve(office.manifest, office.certified(office.own, office.between), NOW)}

    def told(*lists: bytes) -> list[tuple[str, datetime, tuple[str, ...]]]:
        found = ends_of_agreement(office.manifest, replace(office.trust, revocations=lists), papers.values())
        return [(one.name, one.at, one.who) for one in found if one.what == "revocation list"]

    hour, day = timedelta(hours=1), timedelta(days=1)
    above, between = revocation_list(office.anchor), revocation_list(office.between, ends=NOW + 2 * day)
    assert told() == []
    assert told(above) == [("uwv", NOW + 5 * day, ("uwv",))]
    # The first that ends, of the authority and of the one between.
    assert told(above, between) == [("uwv", NOW + 2 * day, ("uwv",))]
    # A newer one takes its place; no list stands longer than the manifest says.
    newer = revocation_list(office.between, ends=NOW + 20 * day)
    assert told(above, between, newer) == [("uwv", NOW + 5 * day, ("uwv",))]
    old = revocation_list(office.anchor, made=NOW - 3 * day, ends=NOW + 60 * day)
    assert told(old, newer) == [("uwv", NOW - 3 * day + 7 * day, ("uwv",))]
    # What it says is so: a moment before it counts, a moment after it does not.
    ((_, at, _),) = told(above, between)
    office.trust = replace(office.trust, revocations=(above, between))
    own = Revocations((above, between), 7 * day)
    chain = [office.own.certificate, office.between.certificate, office.anchor.certificate]
    assert own.problem(chain, at - hour) is None
    assert own.problem(chain, at + hour) is not None


# What does not.


def test_the_bare_key_on_the_card_no_longer_approves(office: Office) -> None:
    with pytest.raises(ApprovalInvalidError):
        check_approvals(office.manifest, office.approvals, NOW, office.trust)


def test_a_certificate_counts_for_its_organisation_only(office: Office) -> None:
    own = office.certified(office.own, office.between)
    paper = approve(office.manifest, replace(own, name="svb"), NOW)
    papers = {**office.approvals, "uwv": approve(office.manifest, own, NOW), "svb": paper}
    with pytest.raises(ApprovalInvalidError) as refused:
        check_approvals(office.manifest, papers, NOW, office.trust)
    assert refused.value.facts["name"] == "svb"


@pytest.mark.parametrize(
    "oins", [["0" * 19 + "3"], [], [OIN, "0" * 19 + "3"], [OIN + " "], ["OIN:" + OIN], ["2"]]
)
def test_another_oin_than_that_of_the_organisation(office: Office, oins: list[str]) -> None:
    assert "OIN" in office.problem(office.between.issue(oins=oins), office.between)


def test_another_authority_with_the_same_names(office: Office) -> None:
    other = Office(office.folder / "other")
    assert "candidates exhausted" in office.problem(other.own, other.between)
    # one's own authority sent along makes it no authority of the trust root
    assert "candidates exhausted" in office.problem(other.own, other.between, other.anchor)


def test_a_missing_certificate_in_between(office: Office) -> None:
    assert "candidates exhausted" in office.problem(office.own)


def test_a_certificate_between_that_is_of_no_authority(office: Office) -> None:
    plain = office.anchor.issue(oins=[OIN])
    assert office.problem(plain.issue(oins=[OIN]), plain) != ""


def test_the_certificate_of_an_authority_signs_nothing_itself(office: Office) -> None:
    below = office.between.issue(oins=[OIN], authority=True)
    assert "of an authority" in office.problem(below, office.between)
    own_anchor = issue(oins=[OIN], authority=True)
    assert Office(office.folder / "o", anchor=own_anchor).problem(own_anchor) != ""


def test_a_key_that_is_not_for_signing(office: Office) -> None:
    assert "not for signing" in office.problem(office.between.issue(oins=[OIN], signs=False), office.between)
    assert office.problem(office.between.issue(oins=[OIN], usage=False), office.between) != ""


@pytest.mark.parametrize(("purposes", "counts"), [
    ([ExtendedKeyUsageOID.SERVER_AUTH], False),
    ([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CODE_SIGNING], False),
    ([ExtendedKeyUsageOID.TIME_STAMPING], False),
    ([ExtendedKeyUsageOID.OCSP_SIGNING], False),
    ([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH], True),
])  # fmt: skip
def test_a_certificate_for_a_machine_only_approves_nothing(
    office: Office, purposes: list[x509.ObjectIdentifier], counts: bool
) -> None:
    own = office.between.issue(oins=[OIN], extensions=[(x509.ExtendedKeyUsage(purposes), False)])
    problem = office.problem(own, office.between)
    assert ("web server" in problem) is not counts
    assert counts is (problem == "")


def test_an_authority_that_has_expired_itself(office: Office) -> None:
    anchor = issue(authority=True, last=NOW - timedelta(days=1))
    own = anchor.issue(oins=[OIN])
    authority = read_authority(anchor.pem, "anchor")
    with pytest.raises(CertificateRefusedError):
        certified_key(read_chain(own.pem, "c"), [authority], OIN, [NOW], "uwv", NONE)


def test_a_critical_extension_that_nobody_knows(office: Office) -> None:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    chain = office.between.issue(oins=[OIN], extensions=[(unknown, True)])
    assert "critical" in office.problem(chain, office.between)


def test_the_signature_of_another_key(office: Office) -> None:
    """The chain of uwv in a paper that somebody else signed, also under the id of uwv's key."""
    honest = approve(office.manifest, office.certified(office.own, office.between), NOW)
    claimed = peek(honest, Approval, what="", party="")
    thief = office.certified(issue())
    forged = json.loads(sign(claimed, thief))
    posing = copy.deepcopy(forged)
    posing["signatures"][0]["keyid"] = json.loads(honest)["signatures"][0]["keyid"]
    for envelope in (forged, posing):
        papers = {**office.approvals, "uwv": canonical_json(envelope) + b"\n"}
        assert read_agreement(office.manifest, papers, NOW, office.trust).problems.keys() == {"uwv"}
    assert not read_agreement(office.manifest, {"uwv": honest}, NOW, office.trust).problems


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP521R1()), ed25519.Ed25519PrivateKey.generate()]
)
def test_kinds_of_keys_that_are_not_used_here(office: Office, key: Key) -> None:
    own = office.between.issue(oins=[OIN], key=key)
    chain, authority = read_chain(own.pem + office.between.pem, "c"), read_authority(office.anchor.pem, "a")
    with pytest.raises(CertificateRefusedError) as refused:
        certified_key(chain, [authority], OIN, [NOW], "uwv", Revocations(office.lists(), timedelta(days=7)))
    assert "kind of key" in str(refused.value.facts["problem"])


def test_a_certificate_that_was_not_valid_when_it_signed(office: Office) -> None:
    for first, last in (
        (EARLIER, NOW - timedelta(days=1)),
        (NOW + timedelta(days=1), NOW + timedelta(days=2)),
    ):
        chain = office.between.issue(oins=[OIN], first=first, last=last)
        assert "not valid at" in office.problem(chain, office.between)
    young = office.between.issue(oins=[OIN], first=NOW - timedelta(hours=1))
    assert "not valid at" in office.problem(young, office.between, at=NOW - timedelta(hours=2))
    short = office.anchor.issue(authority=True, last=NOW - timedelta(days=1))
    assert office.problem(short.issue(oins=[OIN]), short) != ""


def test_an_expired_certificate_signs_nothing_that_it_dates_back(office: Office) -> None:
    chain = office.between.issue(oins=[OIN], last=NOW)
    later = NOW + timedelta(days=1)
    assert "not valid at" in office.problem(chain, office.between, at=NOW - timedelta(hours=1), now=later)
    # what came in while it was valid still counts afterwards
    paper = approve(office.manifest, office.certified(chain, office.between), NOW - timedelta(hours=1))
    seen = {digest_of_bytes(paper): FirstSeen(1, NOW - timedelta(minutes=5))}
    papers = {**office.approvals, "uwv": paper}
    assert "uwv" in check_approvals(
        office.manifest, papers, later, Trust((office.root,), seen, office.lists())
    )


# What was revoked.


def with_lists(office: Office, *lists: bytes, now: datetime = NOW) -> str:
    """Why the approval of uwv does not count, by these lists; empty when it does."""
    office.trust = Trust((office.root,), revocations=lists)
    return office.problem(office.own, office.between, now=now)


def test_without_a_list_of_every_authority_a_certificate_does_not_count(office: Office) -> None:
    """Seen: nobody looked whether a certificate was revoked."""
    above, below = office.lists()
    assert with_lists(office, above, below) == ""
    pem = x509.load_der_x509_crl(below).public_bytes(serialization.Encoding.PEM)
    assert with_lists(office, above, pem) == ""
    for lists in ((), (above,), (below,)):
        problem = with_lists(office, *lists)
        assert "no revocation list (CRL) of" in problem
        assert "at most 7 days before 2026-06-01" in problem
    paper = approve(office.manifest, office.certified(office.own, office.between), NOW)
    with pytest.raises(ApprovalInvalidError) as refused:
        check_approvals(office.manifest, {**office.approvals, "uwv": paper}, NOW, Trust((office.root,)))
    assert "intrekkingslijst" in refused.value.text("nl")


DAY = timedelta(days=1)
REASONS = x509.ReasonFlags


@pytest.mark.parametrize(("since", "extensions", "counts"), [
    (NOW - DAY, [], False),
    (NOW, [], False),
    (NOW + DAY, [], True),  # signed and taken in before
    (NOW - DAY, [x509.CRLReason(REASONS.affiliation_changed)], False),
    (NOW - DAY, [x509.CRLReason(REASONS.certificate_hold)], False),
    (NOW + DAY, [x509.CRLReason(REASONS.superseded)], True),
    (NOW + DAY, [x509.CRLReason(REASONS.key_compromise)], False),
    (NOW + DAY, [x509.CRLReason(REASONS.ca_compromise)], False),
    (NOW + DAY, [x509.InvalidityDate(NOW - DAY)], False),
    (NOW + DAY, [x509.InvalidityDate(NOW + DAY / 2)], True),
])  # fmt: skip
def test_what_was_revoked_by_then_does_not_count(
    office: Office, since: datetime, extensions: list[x509.ExtensionType], counts: bool
) -> None:
    above, below = office.lists()
    named = revocation_list(office.between, revoked(office.own, since, *extensions))
    assert (with_lists(office, above, named) == "") is counts
    assert (with_lists(office, above, below, named) == "") is counts, "whatever another list says"
    between = revocation_list(office.anchor, revoked(office.between, since, *extensions))
    assert (with_lists(office, between, below) == "") is counts


def test_an_old_list_that_names_a_certificate_still_counts_against_it(office: Office) -> None:
    old = revocation_list(
        office.between, revoked(office.own, NOW - 90 * DAY), made=NOW - 90 * DAY, ends=NOW - 80 * DAY
    )
    assert "revoked on 2026-03-03" in with_lists(office, *office.lists(), old)


@pytest.mark.parametrize(("made", "ends", "counts"), [
    (NOW - 7 * DAY, NOW + DAY, True),
    (NOW - 7 * DAY - timedelta(seconds=1), NOW + DAY, False),  # older than the manifest allows
    (NOW - DAY, NOW, True),
    (NOW - DAY, NOW - timedelta(seconds=1), False),  # its next update was there by then
    (NOW + DAY, NOW + 2 * DAY, True),  # of later: it was not revoked before that either
    (NOW + 29 * DAY, NOW + 31 * DAY, True),
    (NOW + 31 * DAY, NOW + 33 * DAY, False),  # the certificate had expired, and may have been left out
])  # fmt: skip
def test_the_age_of_a_list_is_bounded(office: Office, made: datetime, ends: datetime, counts: bool) -> None:
    assert (with_lists(office, *office.lists(made=made, ends=ends)) == "") is counts


def test_the_manifest_says_how_old_a_list_may_be(tmp_path: Path) -> None:
    draft = document()
    draft["certificates"] = {"revocation_list_days": 2}
    office = Office(tmp_path, draft)
    for age, counts in ((2 * DAY, True), (3 * DAY, False)):
        assert (with_lists(office, *office.lists(made=NOW - age)) == "") is counts


def part(**changes: Any) -> x509.IssuingDistributionPoint:
    members: dict[str, Any] = {
        "full_name": None, "relative_name": None, "only_contains_user_certs": False, "only_contains_ca_certs": False,
        "only_some_reasons": None, "indirect_crl": False, "only_contains_attribute_certs": False,
    }  # fmt: skip
    return x509.IssuingDistributionPoint(**(members | changes))


HERE = [x509.UniformResourceIdentifier("http://crl.example/1.crl")]
ELSEWHERE = [x509.UniformResourceIdentifier("http://crl.example/2.crl")]


@pytest.mark.parametrize(("extension", "counts"), [
    (x509.CRLNumber(5), True),
    (part(only_contains_user_certs=True), True),
    (part(full_name=HERE), True),
    (part(full_name=ELSEWHERE), False),
    (part(only_contains_ca_certs=True), False),
    (part(only_contains_attribute_certs=True), False),
    (part(only_some_reasons=frozenset([REASONS.superseded])), False),
    (part(indirect_crl=True), False),
    (x509.DeltaCRLIndicator(1), False),
    (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), False),
])  # fmt: skip
def test_a_list_of_something_else_says_nothing(
    office: Office, extension: x509.ExtensionType, counts: bool
) -> None:
    point = x509.CRLDistributionPoints([x509.DistributionPoint(HERE, None, None, None)])
    office.own = office.between.issue(oins=[OIN], extensions=[(point, False)])
    below = revocation_list(office.between, extensions=[(extension, True)])
    assert (with_lists(office, office.lists()[0], below) == "") is counts


def test_a_list_that_the_authority_did_not_sign_says_nothing(office: Office) -> None:
    above, below = office.lists()
    stranger = issue(authority=True)
    names = revoked(office.own, NOW - DAY)
    assert with_lists(office, above, revocation_list(office.between, key=stranger.key)) != ""
    assert with_lists(office, above, below, revocation_list(office.between, names, key=stranger.key)) == ""
    assert with_lists(office, above, revocation_list(office.own)) != ""  # by another name
    altered = bytearray(below)
    altered[-1] ^= 1
    assert with_lists(office, above, bytes(altered)) != ""
    assert with_lists(office, above, b"junk") != ""


def test_files_that_are_no_revocation_list(office: Office) -> None:
    good = office.lists()[0]
    assert read_list(good, "f") == good
    for data in (b"", b"junk", office.own.pem):
        with raises("RevocationListUnreadableError"):
            read_list(data, "f")


# Files and commands.


def test_files_that_are_no_chain_and_no_authority(office: Office) -> None:
    for data in (b"", b"junk", office.own.key_pem, office.own.pem * 5):
        with pytest.raises(CertificateUnreadableError):
            read_chain(data, "f")
    for data in (b"", office.own.pem, office.anchor.pem + office.between.pem):
        with pytest.raises(CertificateUnreadableError):
            read_authority(data, "f")


def private(file: Path, data: bytes) -> Path:
    file.write_bytes(data)
    file.chmod(0o600)
    return file


def test_the_key_must_be_that_of_the_first_certificate(office: Office, tmp_path: Path) -> None:
    chain = private(tmp_path / "chain.pem", office.own.pem + office.between.pem)
    good = private(tmp_path / "good.pem", office.own.key_pem)
    assert read_certified("uwv", chain, good, None).certificates == read_chain(chain.read_bytes(), "c")
    with raises("CertificateKeyDiffersError"):
        read_certified("uwv", chain, private(tmp_path / "bad.pem", pem_of(p256())), None)
    with raises("CertificateKeyDiffersError"):
        read_certified("uwv", chain, None, office.identities["uwv"].signing)
    with pytest.raises(CertificateUnreadableError):
        read_certified("uwv", chain, chain, None)
    swapped = private(tmp_path / "swapped.pem", office.between.pem + office.own.pem)
    with raises("CertificateKeyDiffersError"):
        read_certified("uwv", swapped, good, None)


def test_a_key_behind_a_passphrase(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = private(tmp_path / "chain.pem", office.own.pem + office.between.pem)
    locked = pem_of(office.own.key, serialization.BestAvailableEncryption(b"vier losse woorden"))
    key = private(tmp_path / "key.pem", locked)
    for given, opens in (("vier losse woorden", True), ("iets anders", False)):
        monkeypatch.setattr(passphrase, "ask", lambda what, given=given: given)
        if opens:
            assert read_certified("uwv", chain, key, None).name == "uwv"
        else:
            with pytest.raises(passphrase.PassphraseWrongError):
                read_certified("uwv", chain, key, None)


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the authority's certificate to an approval that counts, as people type it."""
    always = {"last": datetime(2099, 1, 1, tzinfo=NOW.tzinfo)}
    office = Office(tmp_path, anchor=issue(authority=True, **always))
    between = office.anchor.issue(authority=True, **always)
    own = between.issue(oins=[OIN], **always)
    (tmp_path / "manifest.json").write_bytes(office.manifest.canonical())
    (tmp_path / "draft").mkdir()
    for folder in ("cards", "authorities"):
        (tmp_path / folder).mkdir()
    for name in office.identities:
        card = (tmp_path / name / "keys" / "card.json").read_bytes()
        (tmp_path / "cards" / f"{name}.json").write_bytes(card)
    (tmp_path / "authorities" / "uwv.pem").write_bytes(office.anchor.pem)
    private(tmp_path / "chain.pem", own.pem + between.pem)
    private(tmp_path / "key.pem", own.key_pem)

    def cli(*arguments: object) -> tuple[int, Any]:
        capsys.readouterr()
        status = run([str(argument) for argument in (*arguments, "--json")])
        return status, json.loads(capsys.readouterr().out)

    at = tmp_path
    new = ("trust", "new", at / "manifest.json", "--cards", at / "cards", "--out", at / "root.json")
    status, root = cli(*new, "--certificates", at / "authorities")
    assert status == 0
    for name in ("gemeente", "svb"):
        assert cli("trust", "sign", at / "root.json", name, at / name, "--out", at / "trust")[0] == 0
    assert cli("trust", "add", at / "uwv", at / "trust", "--pin", root["digest"])[0] == 0
    sign = ("manifest", "sign", at / "manifest.json", "uwv", at / "uwv", "--out", at / "papers")
    assert cli(*sign)[0] == 2
    certified = (*sign, "--chain", at / "chain.pem", "--key", at / "key.pem")
    status, refused = cli(*certified)
    assert (status, refused["error"]) == (1, "CertificateRefusedError")
    now = datetime.now(UTC)
    (at / "lists").mkdir()
    for number, by in enumerate((office.anchor, between)):
        data = revocation_list(by, made=now - DAY, ends=now + DAY)
        for folder in ("lists", "trust"):
            (at / folder / f"{number}.crl").write_bytes(data)
    assert cli("trust", "add", at / "uwv", at / "lists")[1]["revocation_lists"] == 2
    assert cli("trust", "add", at / "uwv", at / "trust")[1]["revocation_lists"] == 0  # known
    assert cli(*certified)[0] == 0
    status, gates = cli(
        "manifest", "status", at / "manifest.json", "--papers", at / "papers", "--trust", at / "trust"
    )
    (approval,) = [gate for gate in gates["gates"] if gate["gate"] == "approval"]
    assert approval["reason"] == "ApprovalsMissingError"
    assert "uwv" not in approval["text"]
    capsys.readouterr()
    assert run(["trust", "show", str(at / "uwv"), "proef"]) == 0
    assert "wordt niet nagegaan" in capsys.readouterr().out
