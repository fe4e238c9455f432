"""Asking a person for a passphrase, without showing it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from getpass import getpass

from lsi_match.base.errors import LsiError, wrong_use
from lsi_match.cli.console import say


def prompt(what: str, new: bool) -> str:
    """What the person at the terminal types; a new passphrase twice.

    Raises:
        PassphraseMissingError: there is no terminal.
        PassphrasesDifferError: the two are not the same.
    """
    if not sys.stdin.isatty():
        raise LsiError("PassphraseMissingError", what=what)
    if not new:
        return getpass(say("prompt.ask", what=what))
    first = getpass(say("prompt.new", what=what))
    if getpass(say("prompt.again")) != first:
        raise LsiError("PassphrasesDifferError")
    return first


def ask_person(names: Sequence[str], descriptor: int | None) -> dict[str, str]:
    """What somebody enters about a person: what is asked for (`names`) → text, without showing it.

    Args:
        descriptor: of an open file with a JSON object instead of the questions.

    Raises:
        PersonNotAskedError: neither a terminal nor a descriptor.
        WrongUseError: no JSON object of texts, or with another name.
    """
    if descriptor is None:
        if not sys.stdin.isatty():
            raise LsiError("PersonNotAskedError")
        return {name: getpass(say("prompt.person", name=name)) for name in names}
    try:
        with os.fdopen(descriptor, "rb") as file:
            given = json.loads(file.read(65_536))
    except (OSError, ValueError):
        given = None
    if not isinstance(given, dict) or not all(isinstance(text, str) for text in given.values()):
        raise wrong_use("cli.no_person_fd")
    if not given.keys() <= set(names):
        raise wrong_use("cli.person_fd_others", names=", ".join(names))
    return given
