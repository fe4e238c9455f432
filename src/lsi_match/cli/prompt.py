"""Asking a person for a passphrase, without showing it."""

from __future__ import annotations

import sys
from getpass import getpass

from lsi_match.cli.console import say
from lsi_match.errors import LsiError
from lsi_match.trust.passphrase import PassphraseMissingError


class PassphrasesDifferError(LsiError):
    nl = "De twee wachtzinnen verschillen. Probeer het opnieuw."
    en = "The two passphrases differ. Try again."


def prompt(what: str, new: bool) -> str:
    """What the person at the terminal types; a new passphrase twice.

    Raises:
        PassphraseMissingError: there is no terminal.
        PassphrasesDifferError: the two are not the same.
    """
    if not sys.stdin.isatty():
        raise PassphraseMissingError(what=what)
    if not new:
        return getpass(say(f"Wachtzin of pincode van {what}: ", f"Passphrase or PIN of {what}: "))
    first = getpass(say(f"Nieuwe wachtzin voor {what}: ", f"New passphrase for {what}: "))
    if getpass(say("Nog eens: ", "Once more: ")) != first:
        raise PassphrasesDifferError()
    return first
