"""Signing on the desk: what is signed is what the page shows, and it reaches everybody through the places alone."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from crypto.test_certificates import Issued, issue, revocation_list
from desks import OWN, Browser, use
from operation import PARTNERS, PROJECT, Operation, days, folders

from lsi_match.agreement.approvals import Approval, acknowledge, approve, read_agreement
from lsi_match.agreement.trust_root_draft import compose
from lsi_match.agreement.trust_root_rules import sign_root
from lsi_match.agreement.trust_root_store import TrustStore
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.crypto.certificates import read_authority
from lsi_match.crypto.keys import make_identity
from lsi_match.crypto.signing import peek
from lsi_match.manifest import Manifest
from lsi_match.partner.approving import text_to_sign
from lsi_match.partner.exchange import Exchange
from lsi_match.partner.home import Home
from lsi_match.partner.work_settings import set_work, work_of
from lsi_match.protocol.documents import PublicKeys
from lsi_match.protocol.place_files import INSTRUCTION_SUFFIX, MANIFEST_SUFFIX, PAPER_SUFFIX

INSTRUCTION = b"# Werkinstructie\n\nBekijk iedere casus. <script>alert(1)</script>\n"
HOSTILE = '<script>alert(1)</script> & "Proef" <img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    digest = digest_of_bytes(INSTRUCTION)
    instruction = {"title": "Werkinstructie", "digest": digest, "acknowledged_by": ["data steward", "jurist"]}
    folder = tmp_path_factory.mktemp("signing") / "one"
    return Operation(folder, PARTNERS, folders(folder, PARTNERS), sections={"work_instruction": instruction})


@pytest.fixture
def op(made: Operation, tmp_path: Path) -> Operation:
    copied = made.copy(tmp_path / "copy")
    for who in PARTNERS:
        use(copied, who)
    return copied


def exchange(op: Operation, who: str) -> Exchange:
    return Exchange(op.world.home(who), PROJECT, op.folder / "work" / who / "in")


def propose(op: Operation, title: str = "Proef, tweede versie") -> Manifest:
    """`gemeente` brings the next version of the manifest to everybody."""
    op.world.draft["project"]["title"] = title
    manifest = op.world.complete(op.project.manifest().pseudonyms.key_check)
    own = exchange(op, "gemeente")
    own.put_shared("v2", MANIFEST_SUFFIX, manifest.canonical())
    own.put_shared("v2", INSTRUCTION_SUFFIX, INSTRUCTION)
    change_hands(op)
    return manifest


def change_hands(op: Operation) -> None:
    """Everybody brings, the site looks, everybody fetches."""
    for _ in range(2):
        for who in PARTNERS:
            Browser(op, who).post("deliver")
        op.reconcile()
    for who in PARTNERS:
        Browser(op, who).post("deliver")


def page_of(manifest: Manifest) -> str:
    return f"sign/{manifest.digest.removeprefix('sha256:')}"


def plain(page: str) -> str:
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", page)).split())


def test_a_manifest_is_brought_read_signed_and_joined_through_the_pages(op: Operation) -> None:
    manifest = propose(op)
    own = Browser(op)
    assert "Lees en teken het manifest van Proef, tweede versie (gebracht door gemeente)" in own.home()
    shown = own.get(page_of(manifest))
    assert manifest.digest in shown
    assert plain(shown).count("tekende nog niet") == 3
    done = own.post(page_of(manifest), what="approve", read="yes").text
    assert "Getekend." in done
    assert "Het is gebracht" in done
    (file,) = op.world.home(OWN).project(PROJECT).glob(f"outgoing/*approval*{PAPER_SUFFIX}")
    paper = peek(file.read_bytes(), Approval, what="approval", party=OWN)
    text, previous = text_to_sign(op.world.home(OWN), manifest, "nl")
    assert paper.text == digest_of_bytes(text.markdown.encode())
    assert paper.previous == previous == op.project.manifest().digest
    assert str(text.fragment) in shown, "the page shows all of it"
    assert "Lees en teken het manifest" not in own.home()
    assert "Bevestig dat de werkinstructie" in own.home()
    own.post(page_of(manifest), what="acknowledge", **{"role-0": "yes", "role-1": "yes"})
    for who in ("gemeente", "svb"):
        Browser(op, who).post(page_of(manifest), what="approve", read="yes")
        assert not op.world.home(who).takes_part(manifest)
    change_hands(op)
    assert all(op.world.home(who).takes_part(manifest) for who in PARTNERS)
    assert manifest.digest in op.project.view().manifests
    sharing = op.project.view().manifests[manifest.digest].sharing
    assert all(sharing[who].given and sharing[who].answered for who in PARTNERS)
    assert op.project.manifest().digest != manifest.digest, "the operator takes it in"


def test_nothing_is_signed_unread_by_whoever_may_not_or_of_what_is_not_there(op: Operation) -> None:
    manifest = propose(op)
    own = Browser(op)
    unread: list[dict[str, str]] = [
        {}, {"what": "approve"}, {"what": "acknowledge"}, {"what": "acknowledge", "role-7": "yes"},
        {"what": "withdraw", "reason": " "}, {"what": "withdraw", "reason": "x" * 6000},
    ]  # fmt: skip
    for form in unread:
        assert own.post(page_of(manifest), **form).status_code in (404, 409), form
    for digest in ("0" * 64, "..%2f..", "", manifest.digest):
        assert own.post(f"sign/{digest}", what="approve", read="yes").status_code in (404, 405), digest
    assert not exchange(op, OWN).unsent()
    assert not list(op.world.home(OWN).project(PROJECT).glob("outgoing/*"))


def test_an_fg_signs_advice_from_the_page_with_a_key_for_that_alone(op: Operation, tmp_path: Path) -> None:
    """Negative advice stops everything until the manifest answers it; it reaches everybody. A refused paper is told to who brought it."""
    running = op.project.manifest()
    fg = Home(tmp_path / "fg", "uwv")
    make_identity("uwv", fg.folder / "keys")
    card = json.loads((fg.folder / "keys" / "card.json").read_text())
    op.world.renew_trust(extra={"uwv.advise": card})
    trust = [one.read_bytes() for one in op.world.home(OWN).project(PROJECT).glob("trust/0*.json")]
    fg.add_roots(trust, op.world.home(OWN).trust(PROJECT, op.clock()).roots[0].digest, op.clock())
    officer = Browser(op, home=fg)
    use(op, OWN, home=fg)
    (op.folder / "work" / OWN / "in").mkdir(parents=True, exist_ok=True)
    officer.post("deliver")
    Browser(op).post("deliver")
    shared = exchange(op, "gemeente")
    shared.put_shared("v1", MANIFEST_SUFFIX, running.canonical())
    change_hands(op)
    officer.post("deliver")
    for form in (
        {},
        {"outcome": "maybe", "text": "x"},
        {"outcome": "negative", "text": " "},
        {"outcome": "negative", "text": "kort"},
    ):
        assert officer.post(page_of(running), what="advise", **form).status_code in (404, 409), form
    done = officer.post(
        page_of(running),
        what="advise",
        outcome="negative",
        text="De termijn is te lang voor dit doel. <script>alert(1)</script>",
    ).text
    assert "Advies getekend." in done
    assert officer.post(page_of(running), what="approve", read="yes").status_code == 409, (
        "its key is for advice alone"
    )
    change_hands(op)
    shown = Browser(op, "svb").get(page_of(running))
    assert "adviseerde negatief" in shown
    assert "De termijn is te lang voor dit doel. &lt;script&gt;" in shown
    for home in (op.world.home("svb"), op.world.home("gemeente")):
        agreed = read_agreement(running, home.papers(PROJECT), op.clock(), home.trust(PROJECT, op.clock()))
        assert agreed.advice["uwv"].outcome == "negative"
    assert any(one.startswith("uwv.advice") for one in op.project.papers())


def test_a_signed_paper_that_does_not_hold_is_told_to_whoever_brought_it(op: Operation) -> None:
    stranger = make_identity("svb", op.folder / "stranger" / "keys")
    paper = approve(op.project.manifest(), stranger, op.clock())
    exchange(op, "svb").put_shared("approval-1", PAPER_SUFFIX, paper)
    Browser(op, "svb").post("deliver")
    assert [one.error.reason for one in op.reconcile().troubles] == ["ApprovalInvalidError"]
    told = plain(Browser(op, "svb").post("deliver").text)
    assert "proef.svb.approval-1.paper.json:" in told
    assert "svb" in told
    assert "approval-1" not in plain(Browser(op, "uwv").post("deliver").text), "to nobody else"
    op.reconcile()
    assert "approval-1" not in plain(Browser(op, "svb").post("deliver").text), "once"


def test_a_next_trust_root_is_made_signed_and_taken_in_through_the_pages(op: Operation) -> None:
    before = op.world.home(OWN).trust(PROJECT, op.clock()).current
    assert before is not None
    first = before.digest
    assert "Gemaakt en getekend." in Browser(op).post("trust", what="next").text
    change_hands(op)
    other = Browser(op, "svb")
    assert "Nog niet opgenomen." in other.get("trust")
    (digest,) = set(re.findall(r'name="root" value="(sha256:[0-9a-f]{64})"', other.get("trust"))) - {first}
    assert "Getekend." in other.post("trust", what="sign", root=digest).text
    change_hands(op)
    for who in PARTNERS:
        now = op.world.home(who).trust(PROJECT, op.clock()).current
        assert now is not None
        assert (now.version, now.previous, now.digest) == (2, first, digest)
    assert op.project.trust(op.clock()).current == now


def test_what_others_bring_is_text_and_under_their_own_name(op: Operation) -> None:
    manifest = propose(op, HOSTILE)
    own = Browser(op)
    for page in ("sign", page_of(manifest), "", "trust", "deliver"):
        shown = own.get(page)
        assert "<script" not in shown, page
        assert "<img" not in shown, page
    assert "&lt;script&gt;" in own.home()
    file = op.folder / "places" / "gemeente" / "in"
    for name in (
        f"{PROJECT}.uwv.v9{MANIFEST_SUFFIX}",
        f"{PROJECT}.matcher.card.json",
        f"{PROJECT}.gemeente.x..{MANIFEST_SUFFIX}",
    ):
        (file / name).write_bytes(manifest.canonical())
    seen = op.reconcile()
    assert {one.error.reason for one in seen.troubles} == {"SharedRefusedError"}
    assert not [one for one in op.lying("svb", "out") if "v9" in one or "matcher.card" in one]


def test_a_withdrawal_reaches_everybody_and_stops_them(op: Operation) -> None:
    own = Browser(op)
    running = op.project.manifest()
    assert "Dit manifest geldt nu." in own.get(page_of(running))
    own.post(page_of(running), what="withdraw", reason="Er is iets mis met de DPIA.")
    change_hands(op)
    for who in PARTNERS:
        assert "De afspraken kloppen niet meer." in plain(Browser(op, who).home()), who
    assert running.digest in op.project.view().manifests
    assert any("withdrawal" in one for one in op.project.papers())


def test_papers_of_strangers_count_nowhere(op: Operation) -> None:
    manifest = propose(op)
    own = op.world.home("gemeente").identity()
    for i, paper in enumerate(
        (approve(manifest, own, op.clock()), acknowledge(manifest, own, ("directeur",), op.clock()))
    ):
        exchange(op, "svb").put_shared(f"x{i}", PAPER_SUFFIX, paper)
    change_hands(op)
    shown = plain(Browser(op).get(page_of(manifest)))
    assert shown.count("tekende nog niet") == 2, "a paper counts by its signature, whoever brings it"
    assert not op.world.home(OWN).takes_part(manifest)


def test_a_certificate_signs_on_the_desk(op: Operation, tmp_path: Path) -> None:
    """The one that was set once, of an authority that the trust root names for this organisation; not one of another organisation."""
    now, controllers = op.clock(), op.world.draft["controllers"]
    term: dict[str, Any] = {"first": now - days(9), "last": now + days(90)}
    anchor = issue(authority=True, **term)
    ours, strange = (anchor.issue(oins=[controllers[who]["oin"]], **term) for who in (OWN, "svb"))
    before = op.world.home(OWN).trust(PROJECT, now).roots[-1]
    parties = {name: (one["title"], one["oin"]) for name, one in controllers.items()}
    parties["matcher"] = (op.world.draft["matcher"]["title"], op.world.draft["matcher"]["oin"])
    cards = {name: PublicKeys.model_validate(card) for name, card in op.world.cards().items()}
    named = {OWN: read_authority(anchor.pem, "anchor")}
    root = compose(PROJECT, parties, cards, now, previous=before, authorities=named)
    pile = [sign_root(root, op.world.home(who).identity()) for who in PARTNERS]
    for folder in (op.world.site.folder, *(op.world.home(who).folder for who in PARTNERS)):
        TrustStore(folder, PROJECT).keep_revocations(
            {"a.crl": revocation_list(anchor, made=now - days(1), ends=now + days(30))}
        )
    op.world.site.add_roots(pile, root.digest, now)
    for who in PARTNERS:
        op.world.home(who).add_roots(pile, root.digest, now)
    manifest, own, home = propose(op), Browser(op), op.world.home(OWN)

    def certificate(one: Issued) -> None:
        chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
        chain.write_bytes(one.pem)
        key.write_bytes(one.key_pem)
        key.chmod(0o600)
        set_work(home, PROJECT, work_of(home, PROJECT).model_copy(update={"chain": chain, "key": key}))

    certificate(strange)
    refused = own.post(page_of(manifest), what="approve", read="yes")
    assert refused.status_code == 409
    assert not list(home.project(PROJECT).glob(f"outgoing/*approval*{PAPER_SUFFIX}"))
    certificate(ours)
    assert "Getekend." in own.post(page_of(manifest), what="approve", read="yes").text
    (file,) = home.project(PROJECT).glob(f"outgoing/*approval*{PAPER_SUFFIX}")
    paper = peek(file.read_bytes(), Approval, what="approval", party=OWN)
    assert paper.certificates
    change_hands(op)
    shown = plain(Browser(op, "svb").get(page_of(manifest)))
    assert f"{controllers[OWN]['title']} tekende op" in shown
