"""`lsi-match`: exit status 0 done, 1 refused (a gate, a signature, a bound, an input), 2 wrong use."""

from __future__ import annotations

import gc
import os
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from cyclopts import App, CycloptsError, MissingArgumentError

from lsi_match import __version__
from lsi_match.base import dry_run
from lsi_match.base.errors import LsiError, WrongUseError, wrong_use
from lsi_match.base.files import as_refusal
from lsi_match.cli import console

HELP = """Privacy-preserving matching for casustafels.

Only records that partners selected under one signed manifest are matched, under pseudonyms, and only cases leave.
Every command takes --lang en (default: nl), and --json for one JSON document and nothing else. With --dry-run everything is
checked, and nothing is signed, brought, logged, run or destroyed. Where keys are protected, their
passphrase is asked for, or read from --passphrase-fd NUMBER or with --passphrase-keyring.
"""

#: Command → the module of it and of those below it, loaded when it is used; what it is for.
COMMANDS = {
    "demo": ("demo", "The whole chain on made-up Dutch records, in one go."),
    "docs": ("docs", "Read the documentation, which is installed with the program."),
    "keys": ("keys", "Make identities; make and share the project key."),
    "trust": ("trust", "Make, sign and take in the trust root: who may sign for whom in a project."),
    "manifest": ("manifest", "Check, complete, digest and sign a manifest."),
    "partner": ("partner", "Join a project, prepare a drop, open a release."),
    "site": ("site", "Set up a matching site and take in signed manifests."),
    "match": ("match", "Open a round, run it, see how it stands."),
    "monitor": ("monitor", "Counts per group: report, and justify a release that is held."),
    "publish": ("publish", "Write the pages that everybody may read."),
    "desk": ("desk", "Pages in your browser, over your own folder, on this machine only."),
    "use": ("own:use", "Set once which folder and project are yours."),
    "doctor": ("own:doctor", "See whether keys, folders, places, versions and clock are in order."),
    "completion": ("shell:completion", "What a shell needs to complete commands."),
    "man": ("shell:man", "The manual page, for man."),
    "sync": ("own:sync", "Let everything change hands, and say what to do next."),
    "log": ("log_proofs", "Read and verify the processing log of a project."),
}

_HELP = {"--help", "-h"}


def command_line(translate: Callable[[str], str] = str) -> App:
    """All commands, with what they are for as `translate` says it."""
    app = App(name="lsi-match", help=translate(HELP), version=__version__, help_format="plaintext")
    for name, (module, meaning) in COMMANDS.items():
        where = module if ":" in module else f"{module}:app"
        app.command(f"lsi_match.cli.{where}", name=name, help=translate(meaning))
    return app


def main(arguments: list[str] | None = None) -> None:
    """The command line; never a traceback for what a user can cause. No core dumps, files for their owner only."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    gc.set_threshold(100_000, 50)  # what is loaded stays, and is not looked through for garbage all the while
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Carry out one command line; its exit status."""
    try:
        arguments = _without_language(_without_json(arguments))
        arguments = _without_passphrase_source(_without_dry_run(arguments))
        if arguments[1:] and _HELP.isdisjoint(arguments):
            app = command_line()
        else:
            from lsi_match.cli.help import speak, translate

            app = command_line(partial(translate, language=console.language()))
            speak(app, console.language(), arguments)
        status = _carried_out(app, arguments)
    except dry_run.WouldDo as next_:
        return _told_only(next_)
    except CycloptsError as error:
        from lsi_match.cli.usage import told

        console.show_error(told(error))
        return WrongUseError.exit_status
    except LsiError as error:
        console.show_error(error)
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0
    except OSError as error:
        console.show_error(as_refusal(error))
        return 1
    except Exception as error:
        if os.environ.get("LSI_MATCH_DEBUG"):
            raise
        console.show_error(as_refusal(error))
        return 1
    return status if isinstance(status, int) else 0


def _carried_out(app: App, arguments: list[str]) -> object:
    """What the command returns. What was left out of its line is as 'use' set it, where that completes it."""
    try:
        return app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except MissingArgumentError as missing:
        given = missing
    try:
        from lsi_match.cli.current import completions
    except ModuleNotFoundError:  # who only reads has no partner's folder to complete from
        raise given from None

    for more in completions(app, arguments):
        with suppress(CycloptsError):  # or it is meant in another way
            return app(more, exit_on_error=False, print_error=False, result_action="return_value")
    raise given


def _told_only(next_: dry_run.WouldDo) -> int:
    """What a command that was tried out would do next; where that is to write down a refusal, the refusal."""
    refused = next_.__context__
    if isinstance(refused, LsiError):
        console.show_error(refused)
        return refused.exit_status
    document = {"dry_run": True, "next": next_.act, "what": next_.what}
    console.tell("main.would", document, act=console.say(f"main.would_{next_.act}"))
    return 0


def _without_dry_run(arguments: list[str]) -> list[str]:
    """Set whether this command line is only tried out; the other arguments."""
    tried = "--dry-run" in arguments
    if tried and arguments[:1] in (["demo"], ["desk"]):
        raise wrong_use("cli.no_dry_run")
    dry_run.begin(on=tried)
    return [one for one in arguments if one != "--dry-run"]


def _without_json(arguments: list[str]) -> list[str]:
    """Set whether this command line is for a machine; the other arguments. To `demo` it names a file, and `prefect` has its own."""
    own = arguments[:1] == ["demo"] or arguments[:2] == ["site", "prefect"]
    console.set_json("--json" in arguments)
    return arguments if own else [one for one in arguments if one != "--json"]


def _without_language(arguments: list[str]) -> list[str]:
    """Set the language of this command line, that of the environment where it says none; the other arguments."""
    rest = list(arguments)
    console.set_language(os.environ.get("LSI_MATCH_LANG", "nl"))
    while "--lang" in rest[:-1]:
        at = rest.index("--lang")
        if rest[at + 1] not in ("nl", "en"):
            raise wrong_use("cli.unknown_language")
        console.set_language(rest[at + 1])
        del rest[at : at + 2]
    return rest


def _without_passphrase_source(arguments: list[str]) -> list[str]:
    """Set where passphrases come from in this process; the arguments without the options that say so."""
    from lsi_match.cli.prompt import prompt
    from lsi_match.crypto import passphrase

    rest = [part for argument in arguments for part in _spread(argument)]
    source: passphrase.Source = prompt
    if "--passphrase-keyring" in rest:
        rest.remove("--passphrase-keyring")
        source = passphrase.from_keyring()
    if "--passphrase-fd" in rest:
        at = rest.index("--passphrase-fd")
        number = rest[at + 1] if at + 1 < len(rest) else ""
        # 1 and 2 are where we write; a name or a passphrase itself does not belong on a command line
        if not number.isdecimal() or number in ("1", "2"):
            raise wrong_use("cli.no_passphrase_fd")
        source = passphrase.from_descriptor(int(number))
        del rest[at : at + 2]
    passphrase.use(source)
    return rest


def _spread(argument: str) -> list[str]:
    """`--passphrase-fd=3` as two arguments."""
    name, equals, value = argument.partition("=")
    return [name, value] if equals and name == "--passphrase-fd" else [argument]
