"""`lsi-match demo`: the chain told while it runs, and checked against what it should have found."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, get_args

import polars as pl
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.table import Table

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.catalogue import with_separators
from lsi_match.base.clock import utc_now
from lsi_match.base.errors import wrong_use
from lsi_match.base.files import read_bytes, read_private, write_whole
from lsi_match.base.measure import Measured, measured
from lsi_match.cli.console import language, number, say, table
from lsi_match.crypto import ristretto
from lsi_match.demo import febrl, town
from lsi_match.demo.oracle import expected_cases
from lsi_match.demo.world import Case, World, configs_folder, made_up
from lsi_match.log.policy import log_keys
from lsi_match.log.verify import Verification, verify_log
from lsi_match.manifest import UNKNOWN, Manifest
from lsi_match.matcher.engine.intake import Round, receive
from lsi_match.matcher.operate.publish import public_facts, publish
from lsi_match.matcher.operate.runner import Runs
from lsi_match.monitor.round_findings import RoundFindings
from lsi_match.monitor.verdict import Row
from lsi_match.partner.evaluating import identifiers
from lsi_match.partner.prepare import Prepared
from lsi_match.protocol.office import SIGNAL
from lsi_match.reports.annexes.fill import Annex, annex

ROUND = "ronde-1"
TOWN_PROJECTS = ("samenloop", "wijk")
FEBRL_PROJECT = "febrl4"
RUN_STEPS = ("gates", "intake", "match", "count", "release", "destroy")


@dataclass
class Results:
    """What the demo writes for machines (docs/reference/commands.md)."""

    projects: dict[str, dict[str, int]] = field(default_factory=dict)
    febrl4: dict[str, float] = field(default_factory=dict)
    steps: list[Measured] = field(default_factory=list)
    log_verified: bool = True
    tampering_detected: bool = False


def tell(people: int, seed: int, folder: Path | None, results: Path | None) -> int:
    """Run the demo and tell it; 0 when every project gave exactly the expected cases and the log held."""
    if not 1_000 <= people <= 4_000_000:
        raise wrong_use("demo.people")
    place = folder or Path("demo-out")
    if place.exists():
        if folder is not None or not (place / ".made-by-demo").exists():
            raise wrong_use("demo.folder_exists", place=str(place))
        shutil.rmtree(place)
    place.mkdir(mode=0o700, parents=True)
    (place / ".made-by-demo").touch()
    with Runs(place / "prefect") as runs:
        return _Story(place, Console(highlight=False, emoji=False), runs).tell(people, seed, results)


class _Story:
    def __init__(self, place: Path, console: Console, runs: Runs) -> None:
        self.place = place
        self.console = console
        self.runs = runs
        self.results = Results()
        self.released = True

    def tell(self, people: int, seed: int, file: Path | None) -> int:
        self._intro(people)
        extracts = self.place / "extracts"
        with self._step(say("demo.make_town")):
            town.generate(extracts, people=people, seed=seed)
        worlds = [self._project(name, extracts, first=name == TOWN_PROJECTS[0]) for name in TOWN_PROJECTS]
        files = self._febrl()
        self._log(worlds)
        self._publish(worlds, files)
        self._measurements()
        if file is not None:
            file.write_text(json.dumps(asdict(self.results), indent=2) + "\n")
        return self._end()

    def say(self, key: str, /, **facts: object) -> None:
        self.console.print(say(key, **facts), markup=False)

    def chapter(self, key: str, /, **facts: object) -> None:
        self.console.print()
        self.console.print(Rule(say(key, **facts), align="left"))

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        with self.console.status(name + " …"), measured(name) as took:
            yield
        self._took(took)

    def _took(self, step: Measured) -> None:
        self.results.steps.append(step)
        self.console.print(f"  {step.name}: {step.seconds:.1f} s", style="dim", markup=False)

    @contextmanager
    def _bar(self, name: str, total: int) -> Iterator[Callable[[], None]]:
        """A progress bar of `total` steps that goes when it is done."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(name, total=total)
            yield lambda: progress.advance(task)

    def _intro(self, people: int) -> None:
        text = say("demo.intro", people=number(people))
        self.console.print(Panel(text, title="lsi-match demo"))

    # one project

    def _project(self, config: str, extracts: Path, first: bool) -> World:
        world = World(self.place / config, configs_folder() / config, extracts, utc_now, self.runs)
        world.draft["project"]["period"] = _this_year()
        if not first and ristretto.available():
            world.draft["pseudonyms"]["scheme"] = "v2"
        manifest = self._agree(world, explain=first)
        opening = self._open(world)
        if manifest.pseudonyms.together:
            self._evaluate(world)
        prepared = self._prepare(world, manifest, opening)
        self._guess(world, manifest, prepared["svb"], opening)
        if first:
            self._what_the_matcher_sees(world, prepared["uwv"], opening)
        outcome = self._run(world)
        if outcome["state"] == "held":
            outcome = self._justified(world)
        self._cases(world, extracts, outcome)
        if first:
            self._release(world, "uwv")
        return world

    def _agree(self, world: World, explain: bool) -> Manifest:
        project = world.draft["project"]
        self.chapter("demo.project", title=project["title"])
        with self._step(f"{world.project_id}: {say('demo.agree')}"):
            world.make_keys()
            manifest = world.complete(world.make_project_key())
            approvals = world.approve(manifest)
            world.agree(manifest, approvals)
        if explain:
            self.say("demo.keys")
        self.say("demo.signed", digest=manifest.digest[:23], controllers=list(world.controllers))
        self.say("demo.case", rule=manifest.match.rule, rationale=manifest.match.rationale)
        return manifest

    def _open(self, world: World) -> bytes:
        opening = world.open_round(ROUND, town.REFERENCE_DATE.isoformat())
        self.say("demo.opens", round=ROUND, date=town.REFERENCE_DATE)
        return opening

    def _prepare(self, world: World, manifest: Manifest, opening: bytes) -> dict[str, Prepared]:
        prepared = {}
        self.say("demo.selects")
        with self._bar(say("demo.deliver"), len(world.partners)) as advance:
            for partner in world.partners:
                with measured(f"{world.project_id}: {partner} {say('demo.delivers')}") as took:
                    prepared[partner] = world.prepare(partner, opening)
                self._took(took)
                advance()
        for partner in world.partners:
            for line in _funnel(manifest, partner, prepared[partner]):
                self.console.print(line, soft_wrap=True)
        return prepared

    def _evaluate(self, world: World) -> None:
        with self._step(f"{world.project_id}: {say('demo.evaluate_together')}"):
            world.evaluate(ROUND)
        together = world.project.view().live[ROUND].together
        asked = sum(sum(kinds.values()) for kinds in together.asked.values())
        self.say("demo.together", partners=len(together.partners), asked=number(asked))

    def _guess(self, world: World, manifest: Manifest, prepared: Prepared, opening_bytes: bytes) -> None:
        """What UWV together with the matching environment finds of the drop of SVB by trying: the attack that the schemes differ in."""
        opening, _ = world.project.opening(ROUND)
        secret = read_private(world.project.round_folder(ROUND) / "round.key").decode()
        evaluators = world.project.view().live[ROUND].together.evaluators
        round_ = Round(manifest, opening, digest_of_bytes(opening_bytes), secret, evaluators)
        drop = receive(prepared.file, "svb", round_, utc_now())
        parts = [drop.part(number) for number in range(opening.parts)]
        guesses = identifiers(world.home("svb"), manifest, opening, world.mapping("svb"), world.extracts)
        key, tried, found = world.home("uwv").project_key(manifest), 0, 0
        for kind, some in guesses.items():
            seen = {one for part in parts for one in part.column(kind).to_pylist()}
            made = key.pseudonyms(pl.Series(sorted(some), dtype=pl.String), ROUND, kind).to_list()
            tried, found = tried + len(made), found + len(seen.intersection(made))
        if manifest.pseudonyms.together:
            self.say("demo.guess_together", tried=number(tried), found=found)
        else:
            missing = None if ristretto.available() else ristretto.RistrettoMissingError()
            self.say("demo.guess_alone", tried=number(tried), found=number(found))
            if missing:
                self.say("demo.no_scheme_2", why=missing.text(language()))
            else:
                self.say("demo.scheme_2_next")

    def _what_the_matcher_sees(self, world: World, prepared: Prepared, opening_bytes: bytes) -> None:
        manifest = world.project.manifest()
        opening, _ = world.project.opening(ROUND)
        secret = read_private(world.project.round_folder(ROUND) / "round.key").decode()
        round_ = Round(manifest, opening, digest_of_bytes(opening_bytes), secret)
        drop = receive(prepared.file, "uwv", round_, utc_now())
        row = drop.part(0).slice(0, 1).to_pylist()[0]
        shown = Table(title=say("demo.one_row"),
                      title_justify="left", title_style="bold", show_header=False)  # fmt: skip
        for name, value in row.items():
            plain = "–" if value is None else str(value)
            shown.add_row(name, value.hex() if isinstance(value, bytes) else plain)
        self.console.print(shown)
        self.say("demo.sees")

    def _run(self, world: World) -> dict[str, Any]:
        took: list[Measured] = []
        name = f"{world.project_id}: {say('demo.match')}"
        with self._bar(name, len(RUN_STEPS)) as advance, measured(name) as whole:

            def on_step(step: dict[str, Any]) -> None:
                took.append(Measured(f"  · {step['step']}", step["seconds"], step["peak_mib"]))
                advance()

            outcome = world.run(ROUND, on_step)
        whole.peak_mib = max((step.peak_mib for step in took), default=0)
        for step in (whole, *took):
            self._took(step)
        if outcome["state"] not in ("released", "held"):
            self.released = False
            self.say("demo.refused", why=outcome.get(language(), outcome))
        return outcome

    def _justified(self, world: World) -> dict[str, Any]:
        """A run that the monitor holds: what it saw, what the controllers say to it, and the run that follows."""
        documents, reason = world.project.monitor_documents(ROUND), made_up(f"reason_{world.project_id}")
        report = RoundFindings.model_validate_json(documents["report.json"])
        # At a criterion rather than at having a signal, and beside the step just before it.
        first = {
            f"{partner}.{selection.id}.{selection.criteria[0].id}"
            for partner, its in world.project.manifest().partners.items()
            for selection in its.selections
            if selection.criteria
        }
        seen = max(
            (one for one in report.alerts if one.ratio.value is not None),
            default=report.alerts[0],
            key=lambda one: (
                SIGNAL not in one.stage and (one.against.count(".") > 1 or one.stage in first),
                one.ratio.low or 0,
            ),
        )
        labels = {g.id: g.label for d in world.project.manifest().monitor.dimensions for g in d.groups}
        group, stage, before = labels.get(seen.group, seen.group), seen.stage, seen.against
        which = self._heaviest(report, world.project.manifest(), seen)
        times, low = (
            with_separators(f"{value or 0:.1f}", language()) for value in (seen.ratio.value, seen.ratio.low)
        )
        told = {"group": group, "stage": stage, "before": before, "which": which}
        self.say("demo.held", times=times, low=low, **told)
        with self._step(f"{world.project_id}: {say('demo.justify')}"):
            world.justify(ROUND, reason)
        self.say("demo.justified", names=list(world.controllers), reason=reason)
        return self._run(world)

    @staticmethod
    def _heaviest(report: RoundFindings, manifest: Manifest, seen: Row) -> str:
        """The criterion that carries most of what was seen, in the selection where it was seen."""
        places = {
            f"{partner}.{selection.id}": (partner, selection.id)
            for partner, its in manifest.partners.items()
            for selection in its.selections
        }
        for one in report.findings.attributions:
            place = next((pair for stem, pair in places.items() if seen.stage.startswith(f"{stem}.")), None)
            if (one.partner, one.selection) == place and (one.dimension, one.group) == (
                seen.dimension,
                seen.group,
            ):
                return max(one.shares, key=lambda share: share.shapley or 0).criterion
        return seen.stage.rpartition(".")[2]

    def _cases(self, world: World, extracts: Path, outcome: dict[str, Any]) -> None:
        with self._step(f"{world.project_id}: {say('demo.open_releases')}"):
            found: set[Case] = world.found_cases(ROUND) if outcome["state"] == "released" else set()
        with self._step(f"{world.project_id}: {say('demo.recompute')}"):
            expected = expected_cases(world.project_id, extracts)
        counts = {
            "cases_found": len(found),
            "cases_expected": len(expected),
            "missing": len(expected - found),
            "extra": len(found - expected),
        }
        self.results.projects[world.project_id] = counts
        self.say("demo.cases", **counts)
        without = [name for name in world.partners if found and world.open(name, ROUND).is_empty()]
        if without:
            self.say("demo.without", without=without)
        self._groups(world)

    def _groups(self, world: World) -> None:
        """The overview of the round: counts per group, small cells withheld."""
        overview = world.project.overview(ROUND)
        dimensions = world.project.manifest().monitor.dimensions
        if overview is None or len(dimensions) != 1:
            return
        labels = {group.id: group.label for group in dimensions[0].groups}
        stages = ("subjects", "matched", "cases")
        rows = [
            [label, *(_shown(overview.groups[stage][group]) for stage in stages)]
            for group, label in (labels | {UNKNOWN: say("demo.unknown")}).items()
        ]
        columns = [say("demo.group"), *(say(f"demo.stage_{stage}") for stage in stages)]
        title = say("demo.counts")
        self.console.print(table(title, columns, rows))

    def _release(self, world: World, partner: str) -> None:
        frame = world.open(partner, ROUND)
        self.say("demo.opened", upper=partner.upper(), frame=len(frame))
        for row in frame.head(3).iter_rows(named=True):
            told = {k: v for k, v in row.items() if v not in (False, "", None)}
            self.console.print(
                "  " + "  ".join(f"{k}={v}" for k, v in told.items()), markup=False, soft_wrap=True
            )
        self.say("demo.nobody")

    # FEBRL

    def _febrl(self) -> World:
        self.chapter("demo.febrl")
        extracts = self.place / "febrl-extracts"
        febrl.write_extracts(extracts)
        world = World(
            self.place / FEBRL_PROJECT, configs_folder() / FEBRL_PROJECT, extracts, utc_now, self.runs
        )
        world.draft["project"]["period"] = _this_year()
        with self._step(f"{FEBRL_PROJECT}: {say('demo.agree_deliver')}"):
            world.make_keys()
            manifest = world.complete(world.make_project_key())
            world.agree(manifest, world.approve(manifest))
            opening = world.open_round(ROUND)
            for partner in world.partners:
                world.prepare(partner, opening)
        outcome = self._run(world)
        found = world.found_cases(ROUND) if outcome["state"] == "released" else set()
        quality = febrl.quality(febrl.pairs(found))
        self.results.febrl4 = {"precision": quality.precision, "recall": quality.recall, "f1": quality.f1}
        self.say(
            "demo.pairs",
            person_keys=len(manifest.subject.person_keys),
            **self.results.febrl4,
        )
        return world

    # the log

    def _log(self, worlds: list[World]) -> None:
        self.chapter("demo.log")
        for world in worlds:
            with self._step(f"{world.project_id}: {say('demo.verify_log')}"):
                found = _verify(world, world.project.log_file)
            self.results.log_verified &= found.ok
            root = found.root.hex() if found.root else "-"
            key = "demo.log_holds" if found.ok else "demo.log_fails"
            self.say(key, project=world.project_id, size=found.size, root=root[:16])
        altered = self.place / "altered-log.sqlite"
        shutil.copy(worlds[0].project.log_file, altered)
        _change_one_byte(altered)
        found = _verify(worlds[0], altered)
        self.results.tampering_detected = not found.ok
        self.say("demo.change")
        for text in found.texts(language())[:3] or [say("demo.nothing")]:
            self.console.print(f"  {text}", markup=False)

    # the end

    def _publish(self, worlds: list[World], files: World) -> None:
        self.chapter("demo.public_pages")
        with self._step(say("demo.write_pages")):
            for world in worlds:
                world.make_public()
            publish([world.project for world in (files, *worlds)], self.place / "public", utc_now())
        with self._step(say("demo.annexes")):
            for world in worlds:
                facts, folder = (
                    public_facts(world.project, utc_now()),
                    self.place / "annexes" / world.project.id,
                )
                for name, kind in product(facts.manifest.controllers, get_args(Annex)):
                    file = folder / f"{name}.{kind}.{'zip' if kind == 'vws' else 'json'}"
                    write_whole(file, annex(kind, facts, name, utc_now()))
        start, annexes = self.place / "public" / "index.html", self.place / "annexes"
        self.say("demo.published", start=start, annexes=annexes)

    def _measurements(self) -> None:
        self.chapter("demo.measured")
        rows = [[s.name, f"{s.seconds:.2f} s", f"{s.peak_mib} MiB"] for s in self.results.steps]
        self.console.print(table("", [say("demo.step"), say("demo.time"), say("demo.peak_memory")], rows))

    def _end(self) -> int:
        right = all(
            not p["missing"] and not p["extra"] and p["cases_found"] for p in self.results.projects.values()
        )
        good = right and self.results.log_verified and self.results.tampering_detected
        self.chapter("demo.done" if good else "demo.not_in_order")
        site = self.place / "samenloop" / "site"
        project = site / "projects" / "samenloop"
        manifest = project / "manifest.json"
        program = sys.argv[0] if Path(sys.argv[0]).name == "lsi-match" else "lsi-match"
        self.say("demo.look_further", place=self.place)
        for command in (
            f"log show {project}",
            f"log verify {project} --manifest {manifest}",
            f"manifest check {manifest}",
            f"match status {site} samenloop",
        ):
            self.console.print(f"  {program} {command}", markup=False, soft_wrap=True)
        self.say("demo.tutorial")
        return 0 if good else 1


def _this_year() -> dict[str, str]:
    """The examples name the years they were written for; the demo runs in any later year, over the reference date of its town."""
    return {"first": f"{town.REFERENCE_DATE.year}-01-01", "last": f"{utc_now().year + 1}-12-31"}


def _funnel(manifest: Manifest, partner: str, prepared: Prepared) -> Iterator[str]:
    """Per selection one line: read → left after each criterion, by its name → with a signal → in the drop."""
    for selection in manifest.partners[partner].selections:
        counts = prepared.descriptor.selections[selection.id]
        stages = [(say("partner.read"), counts.read)]
        stages += [(rule.id, counts.after[rule.id]) for rule in selection.criteria]
        stages += [(say("partner.with_signal"), counts.with_signal)]
        told = " → ".join(f"{name} {number(count)}" for name, count in stages)
        yield f"  [bold]{partner}.{selection.id}[/bold]: {told} → [bold]{number(counts.written)}[/bold]"


def _shown(count: int | None) -> str:
    return "–" if count is None else number(count)


def _verify(world: World, log: Path) -> Verification:
    return verify_log(log, log_keys(world.project.manifest()))


def _change_one_byte(log: Path) -> None:
    """Change one digit of a count in the middle of a log, as somebody might who wants another history."""
    data = bytearray(read_bytes(log))
    at = data.index(b'"lsi.rows":') + len(b'"lsi.rows":')
    data[at] = ord("1") + (data[at] - ord("0")) % 9
    log.write_bytes(bytes(data))
