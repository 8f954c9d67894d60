"""What a command line may say, as data: one declaration for the parser, the help page and completion.

In: nothing. Out: `Option`, `CommandArgument` and `Spec`, and the options that commands share. Imported by `--help`, which
must be fast: no import here but the standard library's smallest.
"""

from __future__ import annotations

FLAG, COUNT, TEXT, LIST, NUMBER, CHOICE, FOLDER = "flag", "count", "text", "list", "number", "choice", "folder"


class Option:
    """One option: its names as typed, what it does, in which group the help shows it.

    `kind` is FLAG, COUNT, TEXT, LIST (repeatable), NUMBER (from 1), CHOICE or FOLDER; `value` names the value in
    help; `aliases` are further names that help does not repeat; `to` is the name under which commands read it.
    """

    __slots__ = ("aliases", "choices", "default", "group", "help", "kind", "names", "to", "value")

    def __init__(
        self,
        *names: str,
        help: str,
        group: str,
        kind: str = FLAG,
        value: str = "",
        to: str = "",
        aliases: tuple[str, ...] = (),
        choices: tuple[str, ...] = (),
        default: object = None,
    ) -> None:
        self.names = names
        self.help = help
        self.group = group
        self.kind = kind
        self.value = value
        self.to = to or names[-1].lstrip("-").replace("-", "_")
        self.aliases = aliases
        self.choices = choices
        self.default = default


class CommandArgument:
    """A word that is not an option: `name` in help, whether it is `required`, whether there may be `many`."""

    __slots__ = ("help", "many", "name", "required", "to")

    def __init__(self, name: str, help: str, *, to: str, required: bool = True, many: bool = False) -> None:
        self.name = name
        self.help = help
        self.to = to
        self.required = required
        self.many = many


class Spec:
    """A command: how it is written, what it does, examples of it, and `run` as "module:function".

    `run(reporter, **values)` gets each option and argument by its `to` and returns the exit code.
    """

    __slots__ = ("about", "arguments", "examples", "name", "options", "run", "summary")

    def __init__(
        self,
        name: str,
        summary: str,
        *,
        run: str,
        about: str = "",
        arguments: tuple[CommandArgument, ...] = (),
        options: tuple[Option, ...] = (),
        examples: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.name = name
        self.summary = summary
        self.run = run
        self.about = about
        self.arguments = arguments
        self.options = options
        self.examples = examples


LOOK, CHOOSE, WHERE, VALUES, ALLOW, OUTPUT, OTHER = (
    "Look before",
    "Choose what runs",
    "Choose where",
    "Set variables",
    "Allow or leave out",
    "Output",
    "Other",
)
GROUPS = (LOOK, CHOOSE, WHERE, VALUES, ALLOW, OTHER, OUTPUT)

PLAYBOOK = CommandArgument("PLAYBOOK", "a playbook file; looked up here, then in playbooks/", to="playbook")
PLAYBOOKS = CommandArgument("PLAYBOOK...", PLAYBOOK.help, to="playbooks", many=True)

CHECK = Option("-C", "--check", group=LOOK, help="show what would change; nothing is written anywhere")
DIFF = Option("-D", "--diff", group=LOOK, help="show each statement with its lock and its hazards")

# For commands that find things: `report.findings.write_reports` takes the one, `finding.at_least` the other.
REPORT = Option(
    "--report",
    group=OUTPUT,
    kind=LIST,
    value="FORMAT:FILE",
    to="reports",
    help="write the findings too, several at once: text, json, markdown, html, sarif, junit, github, gitlab, nagios",
)


def fail_on(default: str | None) -> Option:
    """Return `--fail-on`, with the severity from which the command exits with 12 if nobody says one."""
    told = f"exit 12 from this severity on (default: {default})" if default else "exit 12 from this severity on"
    choices = ("info", "warning", "error")
    return Option("--fail-on", group=OUTPUT, kind=CHOICE, choices=choices, default=default, help=told)


OUTPUT_OPTIONS = (
    Option(
        "-v",
        "--verbose",
        group=OUTPUT,
        kind=COUNT,
        to="verbosity",
        help="-v the SQL that ran, -vv times and locks, -vvv tracebacks",
    ),
    Option(
        "--format",
        group=OUTPUT,
        kind=CHOICE,
        choices=("text", "json"),
        default="text",
        help="text for people, json for programs",
    ),
    Option("--no-color", group=OUTPUT, aliases=("--no-colour",), help="no colour (as with NO_COLOR set)"),
    Option("-h", "--help", group=OUTPUT, help="show this page"),
)

TARGET_OPTIONS = (
    Option(
        "-i",
        "--inventory",
        group=WHERE,
        kind=FOLDER,
        value="DIR",
        help="the folder of environment files (default: environments/)",
    ),
    Option("--url", group=WHERE, kind=TEXT, value="DSN", help="connect here instead of where the environment says"),
    Option(
        "--untrusted",
        group=WHERE,
        help="somebody else's playbook: nothing of it reaches the target; environments come from -i (WGM_UNTRUSTED=1)",
    ),
    Option(
        "--env",
        group=VALUES,
        kind=LIST,
        value="NAME",
        help="with --untrusted: an environment variable that the playbook may read as env.NAME",
    ),
    Option(
        "-l", "--limit", group=WHERE, kind=TEXT, value="TARGETS", help="only these targets: a name, a*, !not, one:two"
    ),
    Option(
        "-e",
        "--extra-vars",
        group=VALUES,
        kind=LIST,
        value="NAME=VALUE|@FILE",
        help="a variable that overrides all others",
    ),
    Option(
        "--vault-password-file",
        group=VALUES,
        kind=TEXT,
        value="FILE",
        help="the password of what ansible-vault has encrypted; a program writes it (ANSIBLE_VAULT_PASSWORD_FILE)",
    ),
    Option("--ask-vault-pass", group=VALUES, aliases=("--ask-vault-password", "-J"), help="ask for that password"),
)

ONE_PLAYBOOK = (*TARGET_OPTIONS, *OUTPUT_OPTIONS)
