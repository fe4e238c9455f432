"""The tests that a change touches: `make quick`. `make test` runs all of them.

A change is what differs from the branch `main` (on `main`: from the last commit), files that git does not know too.
What is run are the tests that changed, and of the room of each changed module, and of the rooms that import it, the
tests that come to import it, be it through other modules. Tests of the whole chain are not, unless they changed or
are about what changed; those that are marked `slow` never are.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
PROGRAM = "lsi_match"
#: What is no module, and the tests that read it.
BESIDE = {
    "configs/": "tests/demo/test_configs.py",
    "deploy/": "tests/service/test_deploy.py",
    "docs/": "tests/docs",
    "schemas/": "tests/cli/test_schemas.py",
    "tests/vectors/": "tests/crypto/test_vectors.py",
}
#: The tests of a room stand in the folder of its name; those of the flows are of the whole chain, and
#: those of the package itself about what it offers.
FOLDERS = {"flows": ("chain", "service"), "": ("library",)}
WHOLE = ("chain", "docs", "faults", "month", "service")


def graph() -> grimp.ImportGraph:
    """What imports what in the program. Not from a cache: one that is shared with import-linter makes both see what was."""
    return grimp.build_graph(PROGRAM, cache_dir=None)


def changed_files() -> list[str]:
    """Paths below the root that differ from `main`, or were never committed."""

    def git(*arguments: str) -> list[str]:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.split("\n")[:-1]

    since = git("merge-base", "HEAD", "main") or ["HEAD"]
    return sorted({*git("diff", "--name-only", since[0]), *git("ls-files", "--others", "--exclude-standard")})


def module_of(file: str) -> str | None:
    """The dotted name of a module of the program; None when `file` is none."""
    path = Path(file)
    if path.suffix != ".py" or path.parts[0] not in ("src", "flows"):
        return None
    parts = path.with_suffix("").parts
    named = (PROGRAM, *parts) if parts[0] == "flows" else parts[1:]
    return ".".join(named).removesuffix(".__init__")


def imported(file: Path) -> Iterator[str]:
    """Every dotted name that `file` imports, wherever in it; of `from a import b` both `a` and `a.b`."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


@cache
def reached(file: Path) -> frozenset[str]:
    """What `file` imports, its helpers among the tests and what those import."""
    found, helpers = set(), {file}
    while helpers:
        for name in imported(helpers.pop()):
            helper = TESTS.joinpath(*name.removeprefix("tests.").split(".")).with_suffix(".py")
            if name not in found and helper.is_file():
                helpers.add(helper)
            found.add(name)
    return frozenset(found)


def selected(files: Iterable[str], imports: grimp.ImportGraph) -> list[str]:
    """The test files and folders to run for a change of `files`, as pytest takes them."""
    chosen: set[str] = set()
    for file in files:
        path = ROOT / file
        chosen |= {tests for start, tests in BESIDE.items() if file.startswith(start)}
        module = module_of(file)
        if module in imports.modules:
            about = {module, *imports.find_modules_that_directly_import(module)}
            rooms = {one.removeprefix(PROGRAM).lstrip(".").partition(".")[0] for one in about}
            names = {module} | imports.find_downstream_modules(module)
            chosen |= {_relative(test) for room in rooms for test in _tests_of(room) if names & reached(test)}
        elif file.startswith("tests/") and path.suffix == ".py" and path.is_file():
            named = ".".join(path.relative_to(TESTS).with_suffix("").parts)
            if path.name.startswith("test_"):
                chosen.add(file)
            elif path.name == "conftest.py" and path.parent != TESTS:
                chosen.add(_relative(path.parent))
            else:
                found = {test for test in TESTS.glob("*/test_*.py") if named in reached(test)}
                chosen |= {_relative(test) for test in found if test.parent.name not in WHOLE}
    return sorted(chosen)


def _tests_of(room: str) -> list[Path]:
    return [test for folder in FOLDERS.get(room, (room,)) for test in (TESTS / folder).glob("test_*.py")]


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def main(options: list[str]) -> int:
    chosen = selected(changed_files(), graph())
    if not chosen:
        print("Nothing that a test of a room is about has changed.")
        return 0
    print(f"{len(chosen)} of the files and folders of tests:", *chosen, sep="\n  ", flush=True)
    return subprocess.call(
        [sys.executable, "-m", "pytest", "-m", "not soak and not slow", *options, *chosen],
        cwd=ROOT,
        env=os.environ,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
