"""Changes to the rules that their own tests do not see: `make mutants`.

A rule that can be changed without a test that fails is not guaranteed by one. Each module of `RULES` is changed in one
place at a time (a comparison, an `and`, a number, a statement that is left out), in memory only, and its own tests are
run in a fork of this process. A change that no test sees has survived, and is told. The changes that change nothing that can be
seen stand in `mutants.toml`, each with the reason; one that stands there and is gone, or is seen, is told too.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from importlib.abc import MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from typing import Any

import pytest
from hypothesis.configuration import set_hypothesis_home_dir

from tests.quick import graph

ROOT = Path(__file__).parents[1]
#: The rules, and the tests of their own that have to see every change.
RULES = {
    "lsi_match.agreement.gates": ["tests/agreement/test_gates.py"],
    "lsi_match.agreement.trust_root_rules": ["tests/agreement/test_trust_root.py"],
    "lsi_match.log.view": ["tests/log/test_view.py"],
    "lsi_match.matcher.operate.agenda": ["tests/matcher/test_agenda.py"],
    "lsi_match.protocol.withhold": ["tests/protocol/test_withhold.py"],
}
#: What every test needs, imported once. Nothing that starts threads: these would be gone in a fork.
PRELOAD = (
    "_hypothesis_pytestplugin",
    "hypothesis",
    "pydantic",
    "ruamel.yaml",
    "securesystemslib.signer",
    "sqlglot",
)
#: Seconds after which a change has made an endless loop, which is seen too.
PATIENCE = 120

#: Of pytest. Its other plugins take longer to load than most of these tests.
OPTIONS = ("-x", "-p", "no:cacheprovider", "-p", "_hypothesis_pytestplugin", "--hypothesis-seed=0")

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """A module with one change: in which function, from what to what, and the whole of its source."""

    module: str
    line: int
    change: str
    source: str


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """Every change of one place in `source`."""
    tree = ast.parse(source)
    for where, node in _places(tree, ""):
        for parent_field, index, new in _changes(node):
            changed = copy.deepcopy(tree)
            twin = _same_place(tree, changed, node)
            before = _text(node, parent_field, index)
            held = getattr(twin, parent_field)
            if index is None:
                setattr(twin, parent_field, new)
            else:
                held[index] = new
            after = _text(twin, parent_field, index)
            made = ast.unparse(ast.fix_missing_locations(changed))
            yield Mutant(module, _line(node, parent_field, index), f"{where}: {_told(before, after)}", made)


def _places(node: ast.AST, where: str) -> Iterator[tuple[str, ast.AST]]:
    """Every node that is carried out, with the names of the functions that it stands in."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "args") and not isinstance(node, ast.Call):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST):
                continue
            named = isinstance(child, ast.FunctionDef | ast.ClassDef)
            inner = f"{where}.{child.name}".lstrip(".") if named else where
            yield from _places(child, inner)
    yield where or "module", node


def _changes(node: ast.AST) -> Iterator[tuple[str, int | None, Any]]:
    """What can be changed about a node: the member, the place in it, and what comes there."""
    if isinstance(node, ast.Compare):
        for at, operator in enumerate(node.ops):
            yield from (("ops", at, other()) for other in COMPARISONS[type(operator)])
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        yield "op", None, OPERATORS[type(node.op)]()
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield "value", None, not node.value
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield from (("value", None, node.value + by) for by in (1, -1))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
        yield "func", None, ast.Name(CALLS[node.func.id], ast.Load())
    for field, value in ast.iter_fields(node):
        for at, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            yield from ((field, at, other) for other in _instead_of(child))


def _instead_of(child: object) -> Iterator[ast.AST]:
    """What can stand in the place of an expression or statement."""
    if isinstance(child, ast.BoolOp):
        other = ast.And() if isinstance(child.op, ast.Or) else ast.Or()
        yield ast.BoolOp(other, child.values)
        for at in range(len(child.values)):
            left = [value for number, value in enumerate(child.values) if number != at]
            yield ast.BoolOp(child.op, left) if len(left) > 1 else left[0]
    if isinstance(child, ast.UnaryOp) and isinstance(child.op, ast.Not):
        yield child.operand
    if isinstance(child, ast.IfExp):
        yield from (child.body, child.orelse)
    if isinstance(child, ast.Return) and child.value is not None and not _none(child.value):
        yield ast.Return(ast.Constant(None))
    if isinstance(child, ast.Raise | ast.Continue | ast.Break | ast.AugAssign):
        yield ast.Pass()
    if isinstance(child, ast.Return) and (child.value is None or _none(child.value)):
        yield ast.Pass()
    if isinstance(child, ast.Expr) and not isinstance(child.value, ast.Constant):
        yield ast.Pass()
    if isinstance(child, ast.If):
        yield ast.If(ast.Constant(True), child.body, child.orelse)
        yield ast.If(ast.Constant(False), child.body, child.orelse)
    if isinstance(child, ast.Dict):
        for at, key in enumerate(child.keys):
            if key is not None and len(child.keys) > 1:
                yield ast.Dict(
                    child.keys[:at] + child.keys[at + 1 :], child.values[:at] + child.values[at + 1 :]
                )
    if isinstance(child, ast.comprehension):
        for at in range(len(child.ifs)):
            kept = child.ifs[:at] + child.ifs[at + 1 :]
            yield ast.comprehension(child.target, child.iter, kept, child.is_async)


def _none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _same_place(tree: ast.AST, twin: ast.AST, node: ast.AST) -> ast.AST:
    return next(b for a, b in zip(ast.walk(tree), ast.walk(twin), strict=True) if a is node)


def _told(before: str, after: str) -> str:
    """A change as it is shown: of two long texts only from where they begin to differ."""
    start = next((at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
    start = before.rfind(" ", 0, start) + 1 if len(before) > 160 else 0
    return f"{before[start:][:160]} -> {after[start:][:160]}"


def _line(node: Any, field: str, index: int | None) -> int:
    value = getattr(node, field)
    child = value if index is None else value[index]
    return getattr(child, "lineno", 0) or getattr(node, "lineno", 0) or getattr(child, "iter", node).lineno


def _text(node: Any, field: str, index: int | None) -> str:
    """The first line of what a change is in."""
    value = getattr(node, field)
    child = value if index is None else value[index]
    shown = child if isinstance(child, ast.stmt | ast.expr | ast.comprehension) else node
    return ast.unparse(ast.fix_missing_locations(copy.deepcopy(shown))).strip().partition("\n")[0]


class _Changed(MetaPathFinder, SourceLoader):
    """Gives a mutant where its module is imported."""

    def __init__(self, mutant: Mutant, file: str) -> None:
        self.mutant, self.file = mutant, file

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return spec_from_loader(name, self) if name == self.mutant.module else None

    def get_filename(self, name: str) -> str:
        return self.file

    def get_data(self, path: str) -> bytes:
        return self.mutant.source.encode()


def tested(mutant: Mutant, tests: list[str], file: str) -> int:
    """The exit status of the tests of a changed module, in a fork; 1 when they do not end."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 3
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(PATIENCE)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        sys.meta_path.insert(0, _Changed(mutant, file))
        status = int(pytest.main([*OPTIONS, *tests]))
    finally:
        os._exit(status)


def preload(module: str) -> None:
    """Import what the tests of a module need and what does not import the module itself."""
    imports = graph()
    needed = imports.find_upstream_modules(module) - imports.find_downstream_modules(module)
    for name in (*PRELOAD, *sorted(needed)):
        import_module(name)


def survivors(module: str, tests: list[str], known: dict[str, str], jobs: int) -> list[str]:
    """What is to be told of a module, one line each."""
    preload(module)
    assert module not in sys.modules, "a mutant would be imported by nobody"
    file = str(ROOT.joinpath("src", *module.split(".")).with_suffix(".py"))
    source = Path(file).read_text(encoding="utf-8")
    if tested(Mutant(module, 0, "none", source), tests, file):
        return [f"{module}: its tests fail without a change"]
    found = list(mutants(module, source))
    with ThreadPoolExecutor(jobs) as pool:
        statuses = list(pool.map(lambda one: tested(one, tests, file), found))
    alive = [one for one, status in zip(found, statuses, strict=True) if status == 0]
    counted = f"{len(found)} changes, {len(found) - len(alive)} seen, {len(alive)} not"
    print(f"{module}: {counted} ({len(known)} of which change nothing)", flush=True)
    told = [f"{module}:{one.line}: {one.change}" for one in alive if one.change not in known]
    gone = known.keys() - {one.change for one in alive}
    return told + [
        f"{module}: stands in mutants.toml, and is seen or gone: {change}" for change in sorted(gone)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("rules", nargs="*", help="modules; all rules where none is named")
    chosen = parser.parse_args()
    rules = chosen.rules or list(RULES)
    if len(rules) > 1:  # each in a process of its own: what is imported for one may be the next one itself
        ours = [sys.executable, "-m", "tests.mutants", "-n", str(chosen.jobs)]
        return max([subprocess.call([*ours, module], cwd=ROOT) for module in rules])
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    known = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as place:
        set_hypothesis_home_dir(place)
        told = survivors(rules[0], RULES[rules[0]], known.get(rules[0], {}), chosen.jobs)
    print("".join(f"{line}\n" for line in told), end="")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
