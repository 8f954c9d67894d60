"""From words to a command: parse with click, run one command module, turn every error into a message and an exit code.

In: the words of the command line. Out: the exit code. Usage errors exit 1, not click's 2, and suggest the nearest
right word.
"""

from __future__ import annotations

import errno
import importlib
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from wgm_play.cli.commands import COMMANDS, PLAY
from wgm_play.cli.options import CHOICE, COUNT, FLAG, FOLDER, LIST, NUMBER, CommandArgument, Option, Spec
from wgm_play.errors import InputError, Interrupted, Problems, Unreachable, WgmError
from wgm_play.report import console
from wgm_play.reporter import Counts, Reporter

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# How like a word must be to be suggested; below this, suggestions are noise.
LIKE = 0.6
# How what is to be typed next names the playbook, where it is not known.
_PLAYBOOK = "PLAYBOOK"


def run(words: Sequence[str]) -> int:
    """Run one command line; return the exit code."""
    holder = _Holder(words)
    with _termination():
        code = _guarded(holder)
        holder.reporter().finish(code)
    lost = console.lost()
    if lost is not None:
        console.write(f"the output could not be written: {lost.strerror}\n", error=True)
        return code or 2
    return code


def _guarded(holder: _Holder) -> int:
    """Run the command; say what went wrong and return its exit code."""
    try:
        if not holder.words and not os.environ.get("_WGM_PLAY_COMPLETE"):
            from wgm_play.cli.help import page

            console.write(page(PLAY, console.wants_colour(sys.stderr)) + "\n", error=True)
        code = Application(holder).main(list(holder.words), prog_name="wgm-play", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except (KeyboardInterrupt, click.Abort):
        error: WgmError = Interrupted("interrupted", hint="the same command resumes what was begun")
    except click.ClickException as failure:
        error = usage_error(failure)
    except WgmError as failure:
        error = failure
    except Exception as failure:
        changed = any(counts.changed for counts in holder.reporter().counts.values())
        lost = None if changed else _let_down(failure)
        if lost is None:
            return holder.unexpected(failure)
        error = lost
    if isinstance(error, Interrupted):
        _ignore_signals()
    _name_the_playbook(error, holder.values.get("playbook"))
    holder.reporter().error(error)
    _rest_of_recap(holder.reporter())
    return error.exit_code


def _name_the_playbook(error: WgmError, given: object) -> None:
    """Let what is to be typed next name the playbook that was given: it can be copied.

    A word that is no file's name may be anything, a URL with a password, too.
    """
    from wgm_play.cli.files import found

    names = [given] if isinstance(given, str) else given if isinstance(given, list | tuple) else []
    if len(names) != 1 or not found(str(names[0])).is_file():
        return
    name = shlex.quote(str(names[0]))
    for one in error.problems if isinstance(error, Problems) else (error,):
        one.hint = one.hint and one.hint.replace(_PLAYBOOK, name)
        one.details = tuple(detail.replace(_PLAYBOOK, name) for detail in one.details)


def _let_down(failure: Exception) -> WgmError | None:
    """Return our error where the server went away, ended our session, or refused a right, while nothing was being changed."""
    if "psycopg" not in sys.modules:
        return None
    import psycopg

    from wgm_play.secret import without_values

    if isinstance(failure, psycopg.errors.InsufficientPrivilege):
        return Unreachable(
            f"this role may not do that: {without_values(failure)}",
            hint="nothing was changed: run it as a role that may, or let its owner grant it",
        )
    if not isinstance(failure, psycopg.OperationalError):
        return None
    told = failure.diag.message_primary or str(failure).strip().partition("\n")[0]
    if isinstance(failure, psycopg.errors.LockNotAvailable):
        from wgm_play.server import kept_from_readers

        return kept_from_readers(failure, "policy.lock_timeout")
    if isinstance(failure, psycopg.errors.QueryCanceled):
        return Unreachable(
            f"the server ended a statement that only reads: {told}",
            hint="nothing was being changed: run the same command again, or give policy.statement_timeout more time",
        )
    return Unreachable(
        f"the connection was lost: {told}",
        hint="nothing was being changed: run the same command when the server answers",
    )


def _rest_of_recap(reporter: Reporter) -> None:
    """Count what had ended before the error, where the run did not come to its own recap."""
    if any(counts != Counts() for counts in reporter.counts.values()):
        reporter.recap()


class _Holder:
    """The reporter of this command line, made as soon as the options are known, or guessed from the words."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words
        self.command = "play"
        self.values: dict[str, Any] = {}
        self._reporter: Reporter | None = None

    def reporter(self) -> Reporter:
        if self._reporter is None:
            verbosity = int(self.values.get("verbosity") or 0)
            no_color = "--no-color" in self.words or "--no-colour" in self.words
            if self._asked_for_json():
                from wgm_play.report.json import JsonReporter

                shown: dict[str, Any] = {name: self.values[name] for name in ("check", "diff") if name in self.values}
                self._reporter = JsonReporter(
                    command=self.command, options=shown, verbosity=verbosity, no_color=no_color
                )
            else:
                from wgm_play.report.text import TextReporter

                self._reporter = TextReporter(verbosity=verbosity, no_color=no_color)
        return self._reporter

    def unexpected(self, error: Exception) -> int:
        """Say an error that is ours, not the user's; return the exit code."""
        verbose = int(self.values.get("verbosity") or 0) >= 3
        if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
            message, hint = f"{str(error.filename)!r}: {error.strerror}", _FILE_HINTS.get(error.errno)
        else:
            message = f"internal error: {type(error).__name__}: {error}"
            hint = None if verbose else "run it again with -vvv for the traceback, and report it"
        details = _traceback(error) if verbose else []
        self.reporter().error(InputError(message, hint=hint, details=details))
        code = 2 if any(counts.changed for counts in self.reporter().counts.values()) else 1
        _rest_of_recap(self.reporter())
        return code

    def _asked_for_json(self) -> bool:
        words = list(self.words)
        return "--format=json" in words or (
            "--format" in words and words[words.index("--format") + 1 :][:1] == ["json"]
        )


def _traceback(error: Exception) -> list[str]:
    from traceback import format_exception

    return [line.rstrip("\n") for line in format_exception(error)]


_FILE_HINTS = {
    errno.EACCES: "check the permissions of the file and of its folder",
    errno.ENOENT: "check the path",
    errno.ENOSPC: "make room on the disk",
}


class Application(click.Group):
    """A group whose commands are imported when used, and whose default command runs playbooks."""

    def __init__(self, holder: _Holder) -> None:
        super().__init__(name="wgm-play", add_help_option=False)
        self.holder = holder

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands, for completion."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Make the click command of a spec."""
        spec = PLAY if cmd_name == _PLAY_WORD else COMMANDS.get(cmd_name)
        return command(spec, self.holder) if spec else None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take words whose first is no command as playbooks and their options."""
        if (args or not ctx.resilient_parsing) and (not args or args[0] not in COMMANDS):
            args = [_PLAY_WORD, *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete commands, and files, because a playbook may be the first word."""
        from click.shell_completion import CompletionItem

        return [*super().shell_complete(ctx, incomplete), CompletionItem(incomplete, type="file")]


# Stands for the default command; no command line can hold it.
_PLAY_WORD = "\0play"


class _Command(click.Command):
    """A command whose help page is ours."""

    spec: Spec

    def get_help(self, ctx: click.Context) -> str:
        """Return our page instead of click's."""
        from wgm_play.cli.help import page

        return page(self.spec, console.wants_colour(sys.stdout)).rstrip("\n")


def command(spec: Spec, holder: _Holder) -> click.Command:
    """Return the click command of a spec; its module is imported when it runs."""

    def callback(**values: Any) -> int:
        holder.command = spec.name or "play"
        holder.values = values
        module, _, function = spec.run.partition(":")
        given = {name: value for name, value in values.items() if name not in ("format", "no_color")}
        runner: Callable[..., int] = getattr(importlib.import_module(module), function)
        return runner(holder.reporter(), **given)

    made = _Command(
        spec.name or _PLAY_WORD,
        params=[
            *map(_argument, spec.arguments),
            *(_option(each) for each in spec.options if "--help" not in each.names),
        ],
        callback=callback,
        help=spec.summary,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.spec = spec
    return made


def _argument(argument: CommandArgument) -> click.Argument:
    kind = click.Path() if argument.name.startswith(("PLAYBOOK", "DIR")) else None
    nargs = -1 if argument.many else 1
    return click.Argument([argument.to], type=kind, nargs=nargs, required=argument.required, metavar=argument.name)


def _option(option: Option) -> click.Option:
    kinds: dict[str, dict[str, Any]] = {
        FLAG: {"is_flag": True},
        COUNT: {"count": True},
        LIST: {"multiple": True},
        NUMBER: {"type": _Whole(min=1)},
        CHOICE: {"type": click.Choice(option.choices)},
        FOLDER: {"type": click.Path()},
    }
    shape = kinds.get(option.kind, {})
    if option.kind not in (FLAG, COUNT, LIST):
        shape["default"] = option.default
    return click.Option([option.to, *option.names, *option.aliases], help=option.help, **shape)


def usage_error(error: click.ClickException) -> InputError:
    """Return what was wrong with the command line, with the nearest right word."""
    context = getattr(error, "ctx", None)
    spec: Spec = getattr(getattr(context, "command", None), "spec", PLAY)
    see = f"wgm-play {spec.name + ' ' if spec.name else ''}--help shows the options"
    if isinstance(error, click.NoSuchOption):
        elsewhere = _where_it_belongs(error.option_name)
        if elsewhere and error.option_name not in _ELSEWHERE:
            return InputError(f"no option {error.option_name!r} here", hint=f"it belongs to: {elsewhere}")
        names = [name for option in spec.options for name in (*option.names, *option.aliases)]
        if error.option_name in _ELSEWHERE:
            return InputError(f"no option {error.option_name!r}", hint=_ELSEWHERE[error.option_name])
        near = nearest(error.option_name, names)
        return InputError(f"no option {error.option_name!r}", hint=f"did you mean {near}?" if near else see)
    if isinstance(error, click.MissingParameter) and isinstance(error.param, click.Argument):
        return InputError(f"no {spec.arguments[0].name.rstrip('.')} is given", hint=_missing(spec) or see)
    message = error.format_message().rstrip(".")
    if isinstance(error, click.BadParameter) and error.param is not None:
        given = next(
            (option for option in spec.options if option.kind == NUMBER and option.to == error.param.name), None
        )
        see = f"write {given.names[-1]} {given.value}: {given.help}" if given else see
    return InputError(f"{message[:1].lower()}{message[1:]}", hint=see)


# Options of Ansible, psql and others, and what stands in their place.
_URL_ROLE = "the role, its password and the host are in the environment's `url`, or in --url"
_ELSEWHERE = {
    **dict.fromkeys(
        ("-u", "--user", "-U", "--username", "-b", "--become", "--become-user", "--host", "-p", "--port", "-k"),
        _URL_ROLE,
    ),
    **dict.fromkeys(("--ask-pass", "-W", "-d", "--dbname"), _URL_ROLE),
    **dict.fromkeys(
        ("-y", "--yes", "--auto-approve", "--force"),
        "leave it out: nothing is asked; what removes data needs --allow-destructive (restore --in-place takes --yes)",
    ),
    **dict.fromkeys(("-f", "--forks"), "leave it out: a play runs on one database"),
    **dict.fromkeys(("--dry-run", "-n", "--dryrun"), "did you mean --check?"),
    **dict.fromkeys(("-q", "--quiet", "--silent"), "leave it out: --format json prints one document"),
}


def _where_it_belongs(name: str) -> str | None:
    """Return how the first command that takes an option is written with it."""
    for spec in (PLAY, *COMMANDS.values()):
        for option in spec.options:
            if name in (*option.names, *option.aliases):
                words = ["wgm-play", spec.name, *(each.name.rstrip(".") for each in spec.arguments), name, option.value]
                return " ".join(word for word in words if word)
    return None


class _Whole(click.IntRange):
    """A whole number from 1 on, refused in our words."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number; refuse every other word."""
        if isinstance(value, int):
            return value
        text = str(value)
        if not (text.isascii() and text.isdigit() and int(text)):
            self.fail(f"{text!r} is no whole number from 1 on", param, ctx)
        return int(text)


def nearest(word: str, words: Sequence[str]) -> str | None:
    """Return the word that was most likely meant, or None."""
    from difflib import get_close_matches

    starting = [each for each in words if each.startswith(word)] if len(word) > 3 else []
    near = starting or get_close_matches(word, words, n=1, cutoff=LIKE)
    return near[0] if near else None


def _missing(spec: Spec) -> str | None:
    """Name a playbook that is here, where one is missing."""
    if not spec.arguments or spec.arguments[0].name.rstrip(".") != "PLAYBOOK":
        return None
    from wgm_play.cli.files import playbooks_here

    found = playbooks_here()
    words = f"wgm-play {spec.name + ' ' if spec.name else ''}"
    return f"{words}{found[0]}" if found else f"{words}PLAYBOOK, or wgm-play init DIR for a new project"


ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _ignore_signals() -> None:
    """Finish what is said of an interruption even when the key is pressed again."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def _termination() -> Iterator[None]:
    """Treat SIGTERM and a closed terminal as Ctrl-C; leave a signal alone that was ignored before (nohup)."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in ENDING}
    for number in ENDING:
        if before[number] is signal.SIG_DFL:
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
