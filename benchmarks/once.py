"""`python -m benchmarks.once FOLDER CONFIG EXTRACTS PARTNER OPENING`: one `partner prepare`, in a process that does nothing else.

It prints the seconds, those that its threads had a processor, and the peak memory (MiB) as JSON. What the process took before prepare started counts in the
peak (the libraries) and not in the seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from lsi_match.base.clock import utc_now
from lsi_match.base.measure import measured
from lsi_match.demo.world import World


@dataclass(frozen=True)
class Took:
    """What it took: seconds, seconds of its threads on a processor, peak memory."""

    seconds: float
    processor: float
    peak_mib: int


def prepare_apart(world: World, partner: str, opening: Path) -> Took:
    """What `partner` takes to prepare its drop, in a process of its own."""
    places = (world.folder, world.config, world.extracts, partner, opening)
    command = [sys.executable, "-m", "benchmarks.once", *(str(place) for place in places)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    return Took(**json.loads(done.stdout))


def main() -> int:
    folder, config, extracts, partner, opening = sys.argv[1:]
    world = World(Path(folder), Path(config), Path(extracts), utc_now)
    document = Path(opening).read_bytes()
    before = time.process_time()
    with measured("prepare") as took:
        world.prepare(partner, document)
    busy = time.process_time() - before
    print(json.dumps({"seconds": took.seconds, "processor": busy, "peak_mib": took.peak_mib}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
