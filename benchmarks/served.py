"""`python -m benchmarks.served [--projects 50] [--entries 14000] [--minutes 20]`: what it costs to serve a site on which nothing
happens, with projects whose logs are years old: processor time of all its processes, memory, and what lies on disk.

It is about the processor, so what else the machine does changes little.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.look import age, entries_of_a_week
from lsi_match.base.clock import utc_now
from lsi_match.base.files import write_whole
from lsi_match.demo.world import World, configs_folder
from lsi_match.transport.endpoints import EndpointSettings, set_up

#: Of a project with a round every week and eight partners, about so many entries come a year.
A_YEAR = 2_800
TICKS = os.sysconf("SC_CLK_TCK")


def made(place: Path, projects: int, entries: int) -> Path:
    """A site with so many projects, each with a log of so many entries and a place of every partner."""
    now = [utc_now()]
    for number in range(projects):
        world = World(place / "world", configs_folder() / "samenloop", place, lambda: now[0])
        world.project_id = world.draft["project"]["id"] = f"project-{number}"
        if (world.site.folder / "projects" / world.project_id / "delivery.yaml").exists():
            continue  # it was made before
        now[0] = utc_now() - timedelta(weeks=entries // entries_of_a_week(len(world.partners)) + 1)
        if number:
            world.renew_trust()
        else:
            world.make_keys()
        age(world, entries, now)
        now[0] = utc_now()
        world.renew_trust()
        places = {name: place / "places" / world.project_id / name for name in world.partners}
        for one in places.values():
            set_up(EndpointSettings(url=str(one)))
        text = "".join(f"  {name}: {{url: {one}}}\n" for name, one in places.items())
        write_whole(world.project.folder / "delivery.yaml", f"partners:\n{text}".encode(), replace=True)
        print(f"{world.project_id}: {world.project.view().size} entries, until {last(world)}", flush=True)
    return world.site.folder


def last(world: World) -> datetime | None:
    return world.project.view().last


def family(pid: int) -> Iterator[int]:
    """A process and those below it."""
    yield pid
    try:
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in below:
        yield from family(int(child))


def used(pid: int) -> float:
    """Seconds of processor of a process and all below it, those that ended too."""
    total = 0
    for one in family(pid):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(map(int, fields[11:15]))
    return total / TICKS


def memory(pid: int) -> float:
    """MiB of a process and all below it, what they share counted once."""
    total = 0
    for one in family(pid):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def folder_size(folder: Path) -> tuple[int, float]:
    """Files in a folder, and how many MiB."""
    sizes = [file.lstat().st_size for file in folder.rglob("*") if file.is_file()]
    return len(sizes), sum(sizes) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--projects", type=int, default=50)
    parser.add_argument("--entries", type=int, default=5 * A_YEAR)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument(
        "--settle", type=float, default=12, help="minutes before, in which all are looked at once"
    )
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = options.folder or Path(temporary)
        site = made(place, options.projects, options.entries)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "lsi_match.flows.service", "--site", str(site), "--port", str(port)]
        service = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=site)
        try:
            time.sleep(60 * options.settle)
            settled, most = used(service.pid), 0.0
            print(f"before: {settled:.0f} s of processor", flush=True)
            began = time.monotonic()
            while time.monotonic() - began < 60 * options.minutes:
                time.sleep(5)
                most = max(most, memory(service.pid))
            took, hours = used(service.pid) - settled, (time.monotonic() - began) / 3600
            print(
                f"{took:.0f} s of processor in {60 * hours:.0f} minutes: {took / hours:.0f} an hour, {took / hours / 36:.1f}% of one core"
            )
            print(f"most memory {most:.0f} MiB")
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(120)
        for name, folder in (("site", site), ("places", place / "places")):
            files, size = folder_size(folder)
            print(f"{name}: {files} files, {size:.0f} MiB")


if __name__ == "__main__":
    main()
