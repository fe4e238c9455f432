"""`make soak`: month after month of a project, each with other people and other kills, until so many rounds have run; and
before that, years of three projects with eight partners, of which it lives so many weeks and has the rest in its log.

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
from itertools import repeat
from multiprocessing import get_context
from os import cpu_count
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

sys.path.insert(0, str(Path(__file__).parent))

WEEKS = 4


def month(seed: int) -> tuple[int, Counter[str], list[str]]:
    """Play the month of a seed, with three to eight partners: what happened, how often, and what was wrong."""
    from month.plan import PARTNERS, plan
    from month.story import Story
    from site_process import SiteProcess

    chance = random.Random(seed)
    partners = PARTNERS[: chance.choice((3, 3, 3, 4, 5, 8))]
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, SiteProcess() as process:
        story = Story(plan(seed, WEEKS, partners), Path(folder), process, kills=chance.uniform(0.3, 0.9))
        try:
            problems = story.play()
        except Exception as error:
            problems = [*story.problems, f"{type(error).__name__}: {error}"]
    return seed, story.seen + Counter(rounds=WEEKS), problems


def years(seed: int, weeks: int, behind: float) -> tuple[int, Counter[str], list[str]]:
    """Live through the last weeks of years of a project with eight partners (`month.years`); as `month`."""
    from month.plan import PARTNERS, plan
    from month.years import Years
    from site_process import SiteProcess

    with tempfile.TemporaryDirectory(prefix="soak-") as folder, SiteProcess() as process:
        began = time.process_time()
        story = Years(
            plan(seed, weeks, PARTNERS, holds=False), Path(folder), process, kills=0.1, behind=behind
        )
        try:
            problems = story.play()
        except Exception as error:
            problems = [*story.problems, f"{type(error).__name__}: {error}"]
        told = ", ".join(f"{name} {value:g}" for name, value in story.figures().items())
        used, peak = (
            time.process_time() - began,
            max(getrusage(who).ru_maxrss for who in (RUSAGE_SELF, RUSAGE_CHILDREN)),
        )
        print(
            f"  years {seed}: {told}; {used:.0f} s of processor for the partners, at most {peak / 1024:.0f} MiB in a process",
            flush=True,
        )
    return seed, story.seen + Counter(rounds=weeks), problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--years", type=int, default=3, help="projects whose years are lived through")
    parser.add_argument("--weeks", type=int, default=60, help="how many weeks of them")
    parser.add_argument(
        "--behind", type=float, default=3.85, help="how many years their logs have behind them"
    )
    parser.add_argument("--workers", type=int, default=cpu_count())
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + -(-options.rounds // WEEKS))
    began, seen, wrong = time.monotonic(), Counter[str](), 0
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        each = range(options.seed, options.seed + options.years)
        for seed, happened, problems in pool.map(years, each, repeat(options.weeks), repeat(options.behind)):
            wrong += bool(problems)
            print(f"years {seed}: {dict(happened)}; {'; '.join(problems) or 'as they should be'}", flush=True)
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
