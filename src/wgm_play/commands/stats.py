"""Write a database's statistics down, for reviews and plans where nobody has access to it.

In: a play at work on its database. Out: the document, on standard output or in a file; warnings of what was not seen.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wgm_play.quantities import counted
from wgm_play.report.findings import replace_file

if TYPE_CHECKING:
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession

# More of it is in the file.
_SHOWN = 5


def write(work: PlaySession, reporter: Reporter, values: str, output: str | None) -> int:
    """Read the statistics and write them."""
    from wgm_play.stats.read import read
    from wgm_play.stats.writing import written

    work.check_marker()
    document = read(work.reading, work.environment.name, values)
    text = written(document)
    unseen = document["unseen"]
    for one in unseen[:_SHOWN]:
        reporter.warn(f"not seen: {one['what']}: {one['why']}")
    if len(unseen) > _SHOWN:
        reporter.warn(f"and {counted(len(unseen) - _SHOWN, 'thing')} more: see `unseen` in the file")
    reporter.data("stats", document)
    if output is None:
        reporter.page("stats", text)
        return 0
    replace_file(Path(output), text)
    told = {"none": "no value of any row is in it", "hashed": "values are digests", "full": "it holds values of rows"}
    reporter.note(f"{output}: {counted(len(document['tables']), 'table')}; {told[values]}")
    return 0
