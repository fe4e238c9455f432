"""What a run of a round of 1,000 records takes, from the command to the release, against importing Prefect."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from lsi_match.demo.world import World

_PROGRAM = "from lsi_match.cli.main import main; main()"
_TIMES = 3


def small(world: World, reference_date: str) -> dict[str, tuple[float, float]]:
    """Name → seconds of the command, and of `import prefect`, each the median of some.

    `small`: on a site that is served. `small.alone`: on one that is not, with a Prefect server of its own whose
    database is there. `small.refused`: the same, of a round that nothing was delivered for.
    """
    number = 0

    def run(delivered: bool = True) -> float:
        nonlocal number
        number += 1
        opening = world.open_round(f"r{number}", reference_date)
        for partner in world.partners if delivered else ():
            world.prepare(partner, opening)
        site = str(world.site.folder)
        return _seconds(_PROGRAM, "match", "run", site, world.project_id, f"r{number}", good=delivered)

    def compared(work: Callable[[], float]) -> tuple[float, float]:
        work()  # what is made once, is
        pairs = [(work(), _seconds("import prefect")) for _ in range(_TIMES)]
        took, imports = zip(*pairs, strict=True)
        return median(took), median(imports)

    found = {"small.alone": compared(run), "small.refused": compared(lambda: run(delivered=False))}
    with _served(world.site.folder):
        found["small"] = compared(run)
    return found


def _seconds(program: str, *arguments: str, good: bool = True) -> float:
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, check=False)
    seconds = time.perf_counter() - start
    if (done.returncode == 0) is not good:
        raise RuntimeError(done.stderr.decode())
    return seconds


@contextmanager
def _served(site: Path) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", _PROGRAM, "site", "serve", str(site), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it serves
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
