"""Where passphrases and PINs come from: a prompt, a file descriptor or the keyring of the system.

Never from an argument or the environment: any other user can read the one (`/proc/<pid>/cmdline`), and every
child process inherits the other. What starts a program (the command line, the flow) says with `use` which source
this process has; without one a protected key stays closed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module

from lsi_match.base.errors import LsiError, wrong_use

#: (what is asked for: a file or a key reference, whether it is a new one) → the passphrase or PIN.
Source = Callable[[str, bool], str]

#: A new passphrase is at least this long: four words of a word list, or three of one's own.
MIN_LENGTH = 12
KEYRING_SERVICE = "lsi-match"


class PassphraseWrongError(LsiError): ...


def refuse(what: str, new: bool) -> str:
    """The source of a process that nobody gave one."""
    raise LsiError("PassphraseMissingError", what=what)


_source: Source = refuse


def use(source: Source) -> None:
    """From now on this process gets its passphrases from `source`, each asked once."""
    global _source
    _source = _once(source)


def ask(what: str) -> str:
    """The passphrase or PIN of `what`, from this process's source; raises what the source raises."""
    return _source(what, False)


def ask_new(what: str) -> str:
    """A passphrase to protect `what` with; raises PassphraseTooShortError."""
    given = _source(what, True)
    if len(given) < MIN_LENGTH:
        raise LsiError("PassphraseTooShortError", least=MIN_LENGTH)
    return given


def from_descriptor(descriptor: int) -> Source:
    """A source that reads an inherited file descriptor, once and at once: a line for each thing asked for.

    Raises:
        WrongUseError: the descriptor is not open for reading, or does not hold text.
    """
    try:
        with os.fdopen(descriptor, "rb") as handle:
            lines = handle.read().decode().splitlines()
    except (OSError, UnicodeDecodeError, OverflowError):
        raise wrong_use("crypto.descriptor_unreadable", descriptor=descriptor) from None

    def next_line(what: str, new: bool) -> str:
        if not lines:
            raise LsiError("PassphraseMissingError", what=what)
        return lines.pop(0)

    return next_line


def from_keyring() -> Source:
    """A source over the system's keyring: `keyring set lsi-match WHAT` puts a passphrase there.

    Raises:
        KeyringMissingError: the package `keyring`, which is no dependency, is not installed.
    """
    try:
        keyring = import_module("keyring")
    except ImportError:
        raise LsiError("KeyringMissingError") from None

    def look_up(what: str, new: bool) -> str:
        try:
            found = keyring.get_password(KEYRING_SERVICE, what)
        except Exception:  # every backend raises its own
            raise LsiError("KeyringMissingError") from None
        if not found:
            raise LsiError("PassphraseMissingError", what=what)
        return str(found)

    return look_up


def _once(source: Source) -> Source:
    known: dict[str, str] = {}

    def asked_once(what: str, new: bool) -> str:
        if what not in known:
            known[what] = source(what, new)
        return known[what]

    return asked_once
