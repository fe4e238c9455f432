"""Trying a command out: everything is checked, and it ends just before the first thing that others would see, or that cannot be
undone: something is signed, logged, brought, run or destroyed.

What starts a program says with `begin` that nothing is to be done. Whatever does such a thing says so with `before`.
"""

from __future__ import annotations

from typing import Literal

Act = Literal["sign", "log", "bring", "remove", "run", "destroy", "keep"]


class WouldDo(BaseException):  # no error, and to be caught by nobody on its way
    """What would be done next, and with what."""

    def __init__(self, act: Act, what: str) -> None:
        super().__init__(act, what)
        self.act: Act = act
        self.what = what


_state = {"on": False}


def begin(*, on: bool = True) -> None:
    """From now on nothing is done in this process (or, with `on` false, again everything)."""
    _state["on"] = on


def is_on() -> bool:
    return _state["on"]


def before(act: Act, what: str) -> None:
    """Something is about to be done; raises WouldDo where nothing is to be."""
    if _state["on"]:
        raise WouldDo(act, what)
