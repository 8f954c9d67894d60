"""Evidence as a file: written where it was tried, signed, and taken where that cannot be asked.

In: a play's work, the name of a file. Out: the file; what it says, and by whom it is signed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wgm_play.environment import Promotion
from wgm_play.errors import Refused
from wgm_play.playbook.expand import project_of
from wgm_play.promotion import signing, source
from wgm_play.promotion.revision import short
from wgm_play.promotion.steps import HELD
from wgm_play.run import evidence
from wgm_play.run.opening import find_playbook

if TYPE_CHECKING:
    from wgm_play.options import Options
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession


def export(work: PlaySession, reporter: Reporter, file: str, key: str | None) -> int:
    """Write what stands in this environment to a file, signed by `key`."""
    work.check_marker()
    name = work.environment.name
    wanted = {one.digest for one in evidence.marks_for(work, work.environment) if one.state == HELD}
    found = source.read(work.reading, name, work.environment.marker or name, wanted, len(work.play.alerts))
    if found.why:
        raise Refused(f"there is no evidence: {name} {found.why}", hint=found.lift)
    signing.write(source.as_data(found), Path(file), Path(key) if key else None)
    reporter.note(f"{file}: run {found.run} on {name}, {short(found.commit)}")
    if key is None:
        reporter.warn("it is unsigned, and opens nothing: add --sign KEY")
    return 0


def verify(options: Options, reporter: Reporter, file: str) -> int:
    """Tell offline by whom a file of evidence is signed; raise `Refused` where by nobody."""
    folder = options.inventory or project_of(find_playbook(options.playbook)) / "environments"
    found = signing.read(Path(file), Path(folder) / Path(Promotion("").allowed_signers).name)
    if found.signer is None:
        raise Refused(
            f"{file}: {found.why}",
            hint=found.lift or "sign it with --sign KEY; the key stands in environments/allowed_signers",
        )
    data = found.data
    reporter.note(
        f"{file}: signed by {found.signer}; run {data.get('run')} on {data.get('environment')}, {short(data.get('commit'))}"
    )
    return 0
