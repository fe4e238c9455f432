"""A PostgreSQL of its own for the tests: a new cluster in a temporary folder, reached through a socket there, and gone after.

Used through `psql`, so no driver is needed. PostgreSQL does not run as root; then it runs as `postgres` or `nobody`.
"""

from __future__ import annotations

import csv
import io
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

_NO_VALUE = "\\N"


@dataclass(frozen=True)
class Postgres:
    """One running cluster; `control` is told "start" or "stop"."""

    folder: Path
    control: Callable[[str], None]

    def run(self, script: str) -> list[list[str]]:
        """Run a script in one session; the rows it gives, every value as text (no value is an empty text)."""
        command = ["psql", "--no-psqlrc", "--quiet", "--csv", "--tuples-only", "-v", "ON_ERROR_STOP=1",
                   "-h", str(self.folder), "-U", "postgres", "-d", "postgres", "-f", "-"]  # fmt: skip
        done = subprocess.run(
            command, input=script.encode(), capture_output=True, check=False, env=_environment()
        )
        assert done.returncode == 0, done.stderr.decode()
        return list(csv.reader(io.StringIO(done.stdout.decode(), newline="")))


def copied(table: str, rows: Iterable[Sequence[Any]]) -> str:
    """The part of a script that fills a table."""
    lines = ["\t".join(map(_value, row)) for row in rows]
    return "\n".join([f"COPY {table} FROM STDIN;", *lines, "\\.", ""])


def _value(value: Any) -> str:
    if value is None:
        return _NO_VALUE
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, date):
        return value.isoformat()
    escapes = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
    return "".join(escapes.get(sign, sign) for sign in str(value))


def _environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PGCLIENTENCODING": "UTF8"}


def _user() -> str | None:
    """Who the server runs as: ourselves, unless that is root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    pytest.skip("no user to run PostgreSQL as: it does not run as root")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))  # where Debian has them
    if programs and not shutil.which("initdb"):
        os.environ["PATH"] += f":{programs[-1]}"
    for program in ("initdb", "pg_ctl", "postgres", "psql"):
        if not shutil.which(program):
            pytest.skip(f"PostgreSQL is not installed: no {program} on the path")
    user = _user()
    if user and not shutil.which("setpriv"):
        pytest.skip("no setpriv to run PostgreSQL as somebody who is not root")
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        become: list[str] = []
        if user:
            entry = pwd.getpwnam(user)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
            become = [
                "setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups",
            ]  # fmt: skip
        data = folder / "data"

        def step(*command: str) -> None:
            done = subprocess.run([*become, *command], capture_output=True, check=False, env=_environment(), cwd=folder)  # fmt: skip
            assert done.returncode == 0, (done.stdout + done.stderr).decode()

        step(
            "initdb",
            "-D",
            str(data),
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        )
        settings = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"

        def control(what: str) -> None:
            step("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "-o", settings, "-l", str(folder / "log"), what)  # fmt: skip

        control("start")
        try:
            yield Postgres(folder, control)
        finally:
            control("stop")
