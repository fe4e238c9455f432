"""Trying a command out: everything is checked, and it ends just before the first thing that others would see, or that cannot be
undone: something is signed, logged, brought, run or destroyed.

What starts a program says with `begin` that nothing is to be done. Whatever does such a thing says so with `before`. What says
nothing and would change a file all the same is stopped by a hook of the interpreter (PEP 578).
"""

from __future__ import annotations

import os
import sys
from typing import Any, Literal

Act = Literal["sign", "log", "bring", "remove", "run", "destroy", "keep", "write"]
#: Events of the interpreter that change what lies in a folder.
_CHANGES = {
    f"os.{act}"
    for act in ("mkdir", "rename", "remove", "rmdir", "link", "symlink", "truncate", "chmod", "chown")
}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class WouldDo(BaseException):  # no error, and to be caught by nobody on its way
    """What would be done next, and with what."""

    def __init__(self, act: Act, what: str) -> None:
        super().__init__(act, what)
        self.act: Act = act
        self.what = what


_state = {"on": False, "hooked": False}
_KEEPS_NO_BYTECODE = sys.dont_write_bytecode


def begin(*, on: bool = True) -> None:
    """From now on nothing is done in this process (or, with `on` false, again everything)."""
    if on and not _state["hooked"]:
        sys.addaudithook(_watch)
        _state["hooked"] = True
    _state["on"] = on
    sys.dont_write_bytecode = on or _KEEPS_NO_BYTECODE


def is_on() -> bool:
    return _state["on"]


def before(act: Act, what: str) -> None:
    """Something is about to be done; raises WouldDo where nothing is to be."""
    if _state["on"]:
        raise WouldDo(act, what)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not _state["on"] or (event != "open" and event not in _CHANGES):
        return
    path = arguments[0]
    if event == "open":
        flags = arguments[2]
        # A descriptor, a device, a file without a name.
        if not flags & _WRITES or isinstance(path, int) or flags & os.O_TMPFILE == os.O_TMPFILE:
            return
        if os.fsdecode(path).startswith("/dev/"):
            return
    elif event == "os.remove" and not os.path.lexists(path):
        return
    before("destroy" if event in ("os.remove", "os.rmdir") else "write", os.fsdecode(path).rpartition("/")[2])
