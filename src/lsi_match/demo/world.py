"""A world in one folder: every party with a folder of its own, and nothing passing between them but files.

<world>/<party>/    the partners' homes        <world>/extracts/<partner>/   their registers
<world>/site/       the matching site          <world>/agreement/            what was signed
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from lsi_match.agreement.approvals import STATEMENT, acknowledge, approve, make_public
from lsi_match.agreement.justifications import justify
from lsi_match.agreement.trust_root_draft import compose
from lsi_match.agreement.trust_root_rules import sign_root
from lsi_match.agreement.trust_root_store import TrustStore
from lsi_match.base.catalogue import catalogue
from lsi_match.base.files import private_folder, read_bytes, read_text, shipped, write_whole
from lsi_match.base.yaml_positions import parse_yaml, read_yaml
from lsi_match.crypto.keys import make_identity
from lsi_match.crypto.project_key import ProjectKey
from lsi_match.crypto.pseudonyms import SharedPseudonyms
from lsi_match.crypto.signing import peek
from lsi_match.log.log_proof import SUFFIX
from lsi_match.manifest import Manifest, complete_draft
from lsi_match.matcher.operate.runner import Runs, run_match
from lsi_match.matcher.round import evaluating
from lsi_match.matcher.round.hold import ingest
from lsi_match.matcher.round.open_round import open_round
from lsi_match.matcher.site.proofs import put_round_proofs
from lsi_match.matcher.site.share_manifest import share
from lsi_match.matcher.site.site import Project, Site
from lsi_match.monitor.round_findings import RoundFindings, checked_findings
from lsi_match.partner.evaluating import Evaluating
from lsi_match.partner.exchange import Exchange
from lsi_match.partner.extract.column_mapping import ColumnMapping
from lsi_match.partner.home import Home, make_key_share
from lsi_match.partner.prepare import Prepared, prepare
from lsi_match.partner.release.open import open_release
from lsi_match.partner.select import RECORD_ID
from lsi_match.protocol.columns import CASE, SELECTION
from lsi_match.protocol.documents import Opening, PublicKeys, Reason
from lsi_match.protocol.publication import Sheet
from lsi_match.protocol.trust_root import MATCHER, TrustRoot
from lsi_match.reports.approval_page import approval_text

Case = frozenset[tuple[str, str, str]]


def configs_folder() -> Path:
    """The example projects."""
    return shipped("configs")


@dataclass
class World:
    """One project among parties that each have a folder under `folder`.

    Args:
        config: the folder of the example: draft manifest and mappings.
        extracts: the folder of the partners' extracts, as the mappings name them.
        clock: tells the time to every party.
        runs: what its runs and those of other worlds go through; when left out, each through one of its own.
    """

    folder: Path
    config: Path
    extracts: Path
    clock: Callable[[], datetime]
    runs: Runs | None = None
    #: Partner and round → what makes its pseudonyms, once partners evaluated together.
    shared: dict[tuple[str, str], SharedPseudonyms] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.draft: dict[str, Any] = read_yaml(read_text(self.config / "manifest.yaml"), "manifest.yaml")
        self.project_id: str = self.draft["project"]["id"]
        self.controllers: list[str] = list(self.draft["controllers"])
        self.partners: list[str] = list(self.draft["partners"])

    @property
    def site(self) -> Site:
        return Site(self.folder / "site")

    @property
    def project(self) -> Project:
        return self.site.project(self.project_id)

    def home(self, name: str) -> Home:
        return Home(self.folder / name, name)

    def make_keys(self) -> None:
        """Every controller and the matcher make identities; all controllers sign the first trust root."""
        Site.make(self.site.folder)
        for name in self.controllers:
            make_identity(name, self.home(name).folder / "keys")
        self.renew_trust()

    def renew_trust(
        self,
        signers: Sequence[str] = (),
        *,
        extra: Mapping[str, Mapping[str, str]] | None = None,
        taken_in_by: Sequence[str] = (),
    ) -> TrustRoot:
        """A next version of the trust root with everyone's cards as they are now, and everybody takes it in.

        Args:
            signers: who sign it; all controllers when left out.
            extra: further cards, for one role: `uwv.approve` → card.
            taken_in_by: the controllers that take it in; all of them and the site when left out.
        """
        now, store = self.clock(), TrustStore(self.site.folder, self.project_id)
        before = store.roots(now)[-1] if store.folder.exists() else None
        parties = {name: (one["title"], one["oin"]) for name, one in self.draft["controllers"].items()}
        parties[MATCHER] = (self.draft["matcher"]["title"], self.draft["matcher"]["oin"])
        cards = {
            name: PublicKeys.model_validate(card) for name, card in (self.cards() | dict(extra or {})).items()
        }
        root = compose(self.project_id, parties, cards, now, previous=before)
        pile = [sign_root(root, self.home(name).identity()) for name in signers or self.controllers]
        if not taken_in_by:
            self.site.add_roots(pile, root.digest, now)
        for name in taken_in_by or self.controllers:
            self.home(name).add_roots(pile, root.digest, now)
        return root

    def cards(self) -> dict[str, dict[str, str]]:
        """The public half of every identity."""
        folders = {name: self.home(name).folder for name in self.controllers} | {MATCHER: self.site.folder}
        return {
            name: json.loads(read_bytes(folder / "keys" / "card.json")) for name, folder in folders.items()
        }

    def make_project_key(self) -> str:
        """The first partner makes the project key and seals it to every partner; its check value."""
        maker = self.home(self.partners[0]).identity()
        key = ProjectKey.make(self.project_id, self.draft["pseudonyms"]["epoch"])
        cards = self.cards()
        for name in self.partners:
            share = make_key_share(key, maker, name, cards[name]["encryption_key"])
            write_whole(self.folder / "agreement" / f"key-share.{name}.json", share, replace=True)
        return key.check_value

    def complete(self, key_check: str) -> Manifest:
        """The draft with everyone's keys: the manifest that is signed."""
        return Manifest.from_draft(complete_draft(self.draft, self.cards(), key_check))

    def approve(self, manifest: Manifest) -> dict[str, bytes]:
        """Every controller signs, and acknowledges the work instruction for its people; so does the matcher."""
        roles = manifest.work_instruction.acknowledged_by
        identities = {name: self.home(name).identity() for name in self.controllers}
        text = approval_text(manifest, STATEMENT, "nl", None)
        papers = {
            name: approve(manifest, identity, self.clock(), text=text)
            for name, identity in identities.items()
        }
        for name, identity in (*identities.items(), (MATCHER, self.site.identity())):
            papers[f"{name}.acknowledgement"] = acknowledge(manifest, identity, roles, self.clock())
        return papers

    def agree(self, manifest: Manifest, approvals: dict[str, bytes]) -> None:
        """It is shared with every controller; the site and every partner take in what they signed, each checking it."""
        share(self.site, manifest.canonical(), (), self.clock())
        self.site.accept(manifest.canonical(), approvals, self.clock())
        for name in self.partners:
            key_share = read_bytes(self.folder / "agreement" / f"key-share.{name}.json")
            self.home(name).join(manifest.canonical(), approvals, key_share, self.clock())

    def make_public(self) -> None:
        """Every controller signs what it makes public: the texts of the example, and of its criteria that they are withheld."""
        manifest, now = self.project.manifest(), self.clock()
        texts = read_yaml(read_text(self.config / "publication.yaml"), "publication.yaml")
        withheld = {"show": "withheld", "reason": made_up("withheld")}
        papers = {}
        for name, one in manifest.controllers.items():
            rules = {
                f"{s.id}.{r.id}": withheld for p, s in manifest.selections() if p == name for r in s.criteria
            }
            own = {
                "name": one.title,
                "contact": f"vragen@{name.replace('_', '-')}.example",
                "criteria": rules,
            }
            papers[name] = make_public(
                manifest, self.home(name).identity(), Sheet.model_validate(texts | own), now
            )
        self.project.ingest(papers, now)

    def open_round(self, round_id: str, reference_date: str | None = None) -> bytes:
        """The matcher opens a round; its signed opening."""
        return read_bytes(open_round(self.project, round_id, reference_date, self.clock()))

    def mapping(self, partner: str) -> ColumnMapping:
        file = self.config / "mappings" / f"{partner}.yaml"
        return parse_yaml(read_text(file), file.name, ColumnMapping)

    def evaluate(self, round_id: str) -> None:
        """All partners evaluate their identifiers together for this round, in three passes; what each has for the others goes
        through the site."""
        stem, now, taken = f"{self.project_id}.{round_id}", self.clock(), set[str]()
        with self.project.opened() as project:
            for number in range(3):
                for name in self.partners:
                    mail = private_folder(self.folder / "mail" / name)
                    self._hand_over(project, round_id, name, mail)
                    exchange = Exchange(self.home(name), self.project_id, mail)
                    opening, mapping = mail / f"{stem}.opening.json", self.mapping(name)
                    _, shared = Evaluating.go_on(exchange, opening, mapping, self.extracts, now)
                    for _, problem in exchange.problems:
                        raise problem
                    if shared is not None:
                        self.shared[name, round_id] = shared
                    for file in sorted(exchange.outgoing.glob(f"{stem}.*")):
                        if file.name not in taken:
                            evaluating.take(project, file.name, read_bytes(file), now, name)
                            taken.add(file.name)
                if number == 1:
                    evaluating.name_evaluators(project, round_id, now)
                    put_round_proofs(project)

    def _hand_over(self, project: Project, round_id: str, partner: str, mail: Path) -> None:
        """What lies at the site for a partner, and was not brought to it yet."""
        folder, stem = project.round_folder(round_id), f"{self.project_id}.{round_id}"
        files = dict(evaluating.for_partner(project, project.view().live[round_id], partner))
        files |= {f"{stem}.{one.name}": one for one in folder.glob(f"*{SUFFIX}")}
        files[f"{stem}.opening.json"] = folder / "opening.json"
        for name, file in files.items():
            if not (mail / name).exists():
                shutil.copyfile(file, mail / name)

    def prepare(self, partner: str, opening: bytes) -> Prepared:
        """`partner` makes its drop for the round of this opening, straight into its inbox."""
        round_id = peek(opening, Opening, what="opening", party=MATCHER).round
        file = self.project.round_folder(round_id) / "opening.json"
        inbox = self.project.folder / "inbox" / partner
        mapping = self.mapping(partner)
        return prepare(
            self.home(partner), file, mapping, self.extracts, inbox, self.project_id, self.clock(),
            shared=self.shared.get((partner, round_id)),
        )  # fmt: skip

    def run(
        self, round_id: str, on_step: Callable[[dict[str, Any]], None] = lambda _: None
    ) -> dict[str, Any]:
        """The flow, in a process of its own; its outcome."""
        run = self.runs.run if self.runs else run_match
        return run(self.site.folder, self.project_id, round_id, on_step=on_step)

    def justify(self, round_id: str, reason: str) -> None:
        """Every controller works the report out again from the counts, and justifies each difference; the matcher takes that in."""
        documents, manifest = self.project.monitor_documents(round_id), self.project.manifest()
        report, digest = checked_findings(documents["report.json"], documents["counts.json"], manifest)
        said = reasons_for(report, reason, self.clock().date()) or reason
        papers = {
            name: justify(
                manifest, round_id, digest, self.home(name).identity(), "release", said, self.clock()
            )
            for name in self.controllers
        }
        ingest(self.project, round_id, papers, self.clock())

    def release_file(self, partner: str, round_id: str) -> Path:
        folder = self.project.folder / "releases" / partner
        return folder / f"{self.project_id}.{round_id}.{partner}.release.json"

    def open(self, partner: str, round_id: str) -> pl.DataFrame:
        """`partner` opens its release."""
        return open_release(
            self.home(partner), self.release_file(partner, round_id), self.project_id, self.clock()
        )[1]

    def found_cases(self, round_id: str) -> set[Case]:
        """All partners' releases laid together, which no party can do: (partner, selection, record id) per case."""
        cases: dict[str, set[tuple[str, str, str]]] = {}
        for partner in self.partners:
            for case, selection, record in (
                self.open(partner, round_id).select(CASE, SELECTION, RECORD_ID).iter_rows()
            ):
                cases.setdefault(case, set()).add((partner, selection, record))
        return {frozenset(records) for records in cases.values()}


def made_up(key: str, **facts: str) -> str:
    """What a made-up controller says (`world.toml`)."""
    return str(catalogue(Path(__file__).with_suffix(".toml"))[key]).format(**facts)


def reasons_for(report: RoundFindings, reason: str, today: date) -> dict[str, Reason]:
    """An answer to every difference, as made up as the people in it."""
    return {
        digest: Reason(
            aim=reason,
            works=made_up("works", dimension=rows[0].dimension, group=rows[0].group),
            lighter=made_up("lighter", stage=rows[0].stage),
            balance=made_up("balance"),
            measure=made_up("measure"),
            review=today + timedelta(days=182),
        )
        for digest, rows in report.differences.items()
    }
