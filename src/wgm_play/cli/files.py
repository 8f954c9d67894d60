"""Names of files as people type them.

In: words of the command line and the working directory. Out: checked words.
"""

from __future__ import annotations

from pathlib import Path

from wgm_play.errors import InputError

ENDINGS = (".yml", ".yaml")


def playbooks_here() -> list[str]:
    """Return the playbooks that can be named from the working directory, those of development first."""
    from wgm_play.cli.commands import COMMANDS

    found = [path.name for folder in (Path("playbooks"), Path()) for path in _entries(folder)]
    return sorted({name for name in found if name not in COMMANDS}, key=lambda name: (not name.startswith("dev"), name))


def _entries(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.suffix in ENDINGS and path.is_file()]
    except OSError:
        return []


def found(word: str) -> Path:
    """Return the file that `word` names: here, or in playbooks/."""
    here = Path(word)
    return here if here.exists() or here.is_absolute() else Path("playbooks", word)


def existing(word: str) -> None:
    """Check that `word` can be a playbook; raise `InputError` with the nearest command or playbook."""
    if found(word).exists():
        return
    if "://" in word or "password=" in word:  # it may hold a password
        raise InputError("a URL stands where a playbook belongs", hint="wgm-play PLAYBOOK --url URL")
    from difflib import get_close_matches

    from wgm_play.cli.commands import COMMANDS

    if Path(word).suffix not in ENDINGS:
        if word in COMMANDS:
            raise InputError(f"no playbook {word!r}", hint=f"a command comes first: wgm-play {word} …")
        known_words = [*COMMANDS, *playbooks_here()]
        swapped = [one for one in known_words if sorted(one) == sorted(word)]
        near = swapped or get_close_matches(word, known_words, n=1)
        if near and near[0] in COMMANDS:
            raise InputError(f"no command and no playbook {word!r}", hint=f"did you mean wgm-play {near[0]}?")
        if not near:
            raise InputError(f"no command and no playbook {word!r}", hint="wgm-play --help lists the commands")
    here = playbooks_here()
    near = get_close_matches(word, here, n=1)
    known = f"did you mean {near[0]}?" if near else f"known: {', '.join(here[:5])}" if here else None
    raise InputError(
        f"no playbook {word!r}, neither here nor in playbooks/",
        hint=known or "check the path, or start a project with wgm-play init DIR",
    )
