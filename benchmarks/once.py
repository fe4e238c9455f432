"""`python -m benchmarks.once FOLDER CONFIG EXTRACTS PARTNER OPENING`: one `partner prepare`, in a process that does nothing else.

It prints the seconds and the peak memory (MiB) as JSON. What the process took before prepare started counts in the
peak (the libraries) and not in the seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from lsi_match.demo.world import World
from lsi_match.matcher.site import utc_now
from lsi_match.measure import Measured, measured


def prepare_apart(world: World, partner: str, opening: Path) -> Measured:
    """What `partner` takes to prepare its drop, in a process of its own."""
    places = (world.folder, world.config, world.extracts, partner, opening)
    command = [sys.executable, "-m", "benchmarks.once", *(str(place) for place in places)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    return Measured(**json.loads(done.stdout))


def main() -> int:
    folder, config, extracts, partner, opening = sys.argv[1:]
    world = World(Path(folder), Path(config), Path(extracts), utc_now)
    document = Path(opening).read_bytes()
    with measured("prepare") as took:
        world.prepare(partner, document)
    print(json.dumps(asdict(took)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
