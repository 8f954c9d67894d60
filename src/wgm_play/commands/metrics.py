"""`wgm-play metrics PLAYBOOK`: alerts and the database's own numbers for Prometheus, as a page or a file.

In: a play's work. Out: a page that is served until Ctrl-C, or a file that node_exporter's textfile collector reads.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play.errors import InputError, WgmError

if TYPE_CHECKING:
    from wgm_play.alerts import AlertState
    from wgm_play.alerts.collectors import Collected, Collector
    from wgm_play.alerts.exposition import Exposition
    from wgm_play.playbook.model import Alert
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession

# Seconds: one query may take so long, and what is due is looked for so often.
TIMEOUT, TICK = 5.0, 1.0


def expose(work: PlaySession, reporter: Reporter, listen: str | None, textfile: str | None, interval: float) -> int:
    """Serve the page at an address, or write it once into a file."""
    from wgm_play.alerts.files import replace_file

    place = _address(listen) if listen else None
    work.check_marker()
    made = exposition(work, reporter)
    made.interval = interval
    made.collect_due()
    if textfile:
        replace_file(Path(textfile), made.page())
        reporter.note(f"{textfile}: {len(work.play.alerts)} alerts, and the database's own numbers")
    if place:
        _serve(made, place, reporter)
    return 0


def exposition(work: PlaySession, reporter: Reporter) -> Exposition:
    """Return what asks this play's alerts and the collectors."""
    from wgm_play.alerts.collectors import collect
    from wgm_play.alerts.evaluate import evaluate_now, unreachable
    from wgm_play.alerts.exposition import Exposition
    from wgm_play.commands.alerts import beside_of

    def evaluated(alerts: Sequence[Alert]) -> Sequence[AlertState]:
        import psycopg

        try:
            beside = replace(beside_of(work), counted=made.counted)
            return evaluate_now(work.asker, alerts, work.reading, beside, TIMEOUT)
        except (psycopg.Error, WgmError, OSError) as error:
            told = error.message if isinstance(error, WgmError) else str(error)
            return [unreachable(alert, told) for alert in alerts]

    def collected(one: Collector) -> Collected:
        import psycopg

        try:
            return collect(work.reading, one, own, TIMEOUT)
        except WgmError as error:
            raise psycopg.OperationalError(error.message) from error

    own = {"environment": work.environment.name, "database": work.reading.info.dbname}
    made = Exposition(work.play.alerts, own, evaluated, collected, warn=reporter.warn)
    return made


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError(
            f"--listen {listen!r} is no address",
            hint="write HOST:PORT, as 127.0.0.1:9188; 0.0.0.0:9188 lets everybody read the page",
        )
    return host, int(port)


def _serve(made: Exposition, place: tuple[str, int], reporter: Reporter) -> None:
    """Serve until Ctrl-C or SIGTERM; what is due is asked meanwhile."""
    from wgm_play.alerts.exposition import serve

    stopped = threading.Event()
    try:
        server = serve(made, *place)
    except OSError as error:
        raise InputError(
            f"{place[0]}:{place[1]} cannot be listened at: {error.strerror}",
            hint="--listen HOST:PORT, with a free port",
        ) from error
    reporter.note(f"http://{place[0]}:{place[1]}/metrics until Ctrl-C")

    def end(number: int, frame: Any) -> None:
        stopped.set()

    before = {one: signal.signal(one, end) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        while not stopped.wait(TICK):
            made.collect_due(stopped.is_set)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        server.shutdown()
        server.server_close()
    reporter.note("stopped")
