"""`make soak`: month after month of a project, each with other people and other kills, until so many rounds have run; and
before that, years of three projects with eight partners at one site, of which it lives so many weeks and has the rest in the logs.

Every month is compared with the rules of `month.plan`. A month that does not end as they say is told with its seed:
`python -m tests.soak --seed SEED --rounds 1` plays it again.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from os import cpu_count
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

sys.path.insert(0, str(Path(__file__).parent))

WEEKS = 4


def month(seed: int) -> tuple[int, Counter[str], list[str]]:
    """Play the month of a seed, with three to eight partners: what happened, how often, and what was wrong."""
    from month.plan import PARTNERS, plan
    from month.story import People, Story
    from site_process import SiteProcess

    chance = random.Random(seed)
    partners = PARTNERS[: chance.choice((3, 3, 3, 4, 5, 8))]
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, SiteProcess() as process:
        people = People(plan(seed, WEEKS, partners), Path(folder))
        story = Story([people], process, kills=chance.uniform(0.3, 0.9))
        try:
            problems = story.play()
        except Exception as error:
            problems = [*people.problems, f"{type(error).__name__}: {error}"]
    return seed, story.seen + Counter(rounds=WEEKS), problems


def years(seed: int, projects: int, partners: int, weeks: int, behind: float) -> list[str]:
    """Live through the last weeks of years of so many projects at one site (`month.years`), every other one held each week, and
    tell what it cost; what was wrong."""
    from month import years
    from month.plan import PARTNERS, plan
    from site_process import SiteProcess

    plans = [plan(seed + n, weeks, PARTNERS[:partners], holds=n % 2 == 0) for n in range(projects)]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, SiteProcess() as process:
        story = years.years(Path(folder), process, plans, behind)
        try:
            problems = story.play()
        except Exception as error:
            told = [problem for each in story.people for problem in each.problems]
            problems = [*told, f"{type(error).__name__}: {error}"]
        figures = ", ".join(f"{name} {value:g}" for name, value in story.figures().items())
    took = [sum(getrusage(who)[:2]) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    peak = max(getrusage(who).ru_maxrss for who in (RUSAGE_SELF, RUSAGE_CHILDREN)) / 1024
    print(
        f"years: {dict(story.seen)}; per project: {figures}; {(time.monotonic() - began) / 60:.0f} min, {took[0]:.0f} s of "
        f"processor for the partners and {took[1]:.0f} for the site, at most {peak:.0f} MiB in a process; "
        f"{'; '.join(problems) or 'as they should be'}", flush=True,
    )  # fmt: skip
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--years", type=int, default=3, help="projects at one site whose years are lived through"
    )
    parser.add_argument("--partners", type=int, default=8, help="partners of each of them")
    parser.add_argument("--weeks", type=int, default=60, help="how many weeks of them")
    parser.add_argument(
        "--behind", type=float, default=3.85, help="how many years their logs have behind them"
    )
    parser.add_argument("--workers", type=int, default=cpu_count())
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + -(-options.rounds // WEEKS))
    began, seen, wrong = time.monotonic(), Counter[str](), 0
    if options.years:
        wrong += bool(years(options.seed, options.years, options.partners, options.weeks, options.behind))
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        for number, (seed, happened, problems) in enumerate(pool.map(month, seeds), 1):
            seen += happened
            wrong += bool(problems)
            for problem in problems:
                print(f"  seed {seed}: {problem}", flush=True)
            minutes = (time.monotonic() - began) / 60
            left = minutes / number * (len(seeds) - number)
            print(
                f"{seen['rounds']} rounds, {seen['looks']} looks, {seen['runs']} runs, {seen['kills']} kills, "
                f"{wrong} months wrong; {minutes:.0f} min, {left:.0f} to go", flush=True,
            )  # fmt: skip
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
