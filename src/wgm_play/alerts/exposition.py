"""The page of metrics: alerts and collectors, each asked at its own interval, under one ceiling of series.

In: what asks the alerts and the collectors, the labels of this database. Out: a page in Prometheus' text format, at once:
whoever scrapes waits for no query.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from wgm_play.alerts.collectors import COLLECTORS, Collected, Collector
from wgm_play.alerts.counter import key_of
from wgm_play.alerts.evaluate import AlertState
from wgm_play.alerts.outside_values import Counted
from wgm_play.alerts.prometheus import braces, metrics, page
from wgm_play.alerts.threshold import shown
from wgm_play.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from wgm_play.playbook.model import Alert

# In all; each alert names so many rows at most, the worst.
CEILING, ROWS_OF_ALERT = 2000, 50
# Seconds between two evaluations of an alert.
INTERVAL = 30.0
# A query may take one hundredth of the time, so it rests a hundred times as long as it took; and so many seconds at most.
SHARE, SLOWEST = 100, 300.0

Evaluate = Callable[[Sequence["Alert"]], Sequence[AlertState]]
Collect = Callable[[Collector], Collected]


@dataclass(slots=True)
class Exposition:
    """What is known now. `collect_due` asks what is due, `page` tells; both may be called from any thread."""

    alerts: Sequence[Alert]
    own: Mapping[str, str]
    evaluate: Evaluate
    collect: Collect
    interval: float = INTERVAL
    ceiling: int = CEILING
    warn: Callable[[str], None] = lambda text: None
    states: dict[str, tuple[AlertState, float]] = field(default_factory=dict)
    collected: dict[str, Collected] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    failed: dict[str, bool] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)
    history: dict[str, deque[tuple[float, dict[str, float]]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    told: set[str] = field(default_factory=set)
    unseen: dict[str, str] = field(default_factory=dict)

    def collect_due(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Ask all that is due, one after another; stop in between where that is asked for."""
        for alert in self.alerts:
            if not stopped() and self._due(alert.name, self._pace(alert)):
                (state,) = self.evaluate([alert])
                with self.lock:
                    self._keep(alert, state)
        for one in COLLECTORS:
            if not stopped() and self._due(f"collector {one.name}", one.interval):
                self._collect(one)

        self._tell_unseen()

    def _tell_unseen(self) -> None:
        """Say once for each reason which alerts have no value, and which have one again."""
        reasons: dict[str, list[str]] = {}
        ours = [one.name for one in self.alerts if one.source != "promql" and one.name in self.states]
        for name in ours:
            state, _ = self.states[name]
            why = state.error if state.state == "unknown" and not state.uncounted else ""
            if why != self.unseen.get(name, ""):
                self.unseen[name] = why
                reasons.setdefault(why, []).append(name)
        for why, names in reasons.items():
            self.warn(f"{', '.join(names)}: " + (f"not evaluated: {why}" if why else "evaluated again"))

    def _pace(self, alert: Alert) -> float:
        """Return how often an alert is evaluated: a query that takes long is asked less often, but within the patience of its twin."""
        return min(max(self.interval, SHARE * self.took.get(alert.name, 0.0)), SLOWEST) if self.interval else 0.0

    def _due(self, name: str, interval: float) -> bool:
        now = time.monotonic()
        if name in self.asked and now - self.asked[name] < interval * 0.99:
            return False
        self.asked[name] = now
        return True

    def _keep(self, alert: Alert, state: AlertState) -> None:
        counters = {key_of(one.labels): one.counted for one in state.samples if one.counted is not None}
        if counters:
            points = self.history.setdefault(alert.name, deque())
            points.append((time.monotonic(), counters))
            while points[0][0] < time.monotonic() - alert.over:
                points.popleft()
        self.states[alert.name] = (state, time.time())
        self.took[alert.name] = state.took

    def counted(self, alert: Alert) -> Counted:
        """Return where an alert's counters stood, of this process alone."""
        with self.lock:
            points = [one for one in self.history.get(alert.name, ()) if one[0] >= time.monotonic() - alert.over]
            return [counters for _, counters in points], time.monotonic() - points[0][0] if points else 0.0

    def _collect(self, one: Collector) -> None:
        import psycopg

        begun = time.monotonic()
        try:
            found = self.collect(one)
        except psycopg.Error:
            found = None
        with self.lock:
            self.took[f"collector {one.name}"] = time.monotonic() - begun
            self.failed[one.name] = found is None
            if found is not None:
                self.collected[one.name] = found

    def page(self) -> str:
        """Return the page: alerts first, then what fits under the ceiling; what does not is counted."""
        with self.lock:
            left_out: dict[str, int] = {}
            states = [_shortened(state, left_out) for state, _ in self.states.values()]
            text = metrics(
                states, self.own["environment"], self.own["database"], [at for _, at in self.states.values()]
            )
            count = _series(text)
            for name, found in self.collected.items():
                if count + found.series > self.ceiling - len(self.took) - 2 * len(COLLECTORS) - 2:
                    left_out[name] = left_out.get(name, 0) + found.series
                    continue
                text += found.text
                count += found.series
                if found.left_out:
                    left_out[name] = found.left_out
            self._say(left_out)
            return text + self._about(left_out)

    def _say(self, left_out: Mapping[str, int]) -> None:
        """Name once what has more series than fit, the worst first."""
        for name, number in sorted(left_out.items(), key=lambda one: -one[1]):
            if name not in self.told:
                self.told.add(name)
                self.warn(
                    f"{name}: {number:,} left out, the others are the worst (at most {self.ceiling:,} series in all)"
                )

    def _about(self, left_out: Mapping[str, int]) -> str:
        def series(values: Mapping[str, float]) -> list[str]:
            return [f"{braces({'of': name, **self.own})} {shown(value)}" for name, value in values.items()]

        took = {name: round(seconds, 6) for name, seconds in self.took.items()}
        failed = {name: float(one) for name, one in self.failed.items()}
        return "".join(
            (
                page("wgm_collect_seconds", "How long the query of an alert or a collector took.", series(took)),
                page("wgm_collect_failed", "1 where a collector's query failed: its series are old.", series(failed)),
                page("wgm_left_out", "Rows that have no series: those that are there are the worst.", series(left_out)),
            )
        )


def _shortened(state: AlertState, left_out: dict[str, int]) -> AlertState:
    """Return a state with its worst rows alone: those that fire first, then the largest."""
    more = len(state.samples) - ROWS_OF_ALERT
    if more <= 0:
        return state
    left_out[f"alert {state.name}"] = more
    down = state.threshold.startswith("<")
    worst = sorted(state.samples, key=lambda one: (not one.firing, one.value if down else -one.value))
    return replace(state, samples=tuple(worst[:ROWS_OF_ALERT]))


def _series(text: str) -> int:
    return sum(not line.startswith("#") for line in text.splitlines())


def serve(exposition: Exposition, host: str, port: int) -> Any:
    """Serve the page at /metrics in threads of their own; return the server, which listens already."""
    import socket
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # of one that says nothing

        def do_GET(self) -> None:
            known = self.path.partition("?")[0] == "/metrics"
            body = (exposition.page() if known else "the page of metrics is at /metrics\n").encode()
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *values: Any) -> None:
            """Say nothing: a scrape is no news."""

    class MetricsServer(ThreadingHTTPServer):
        daemon_threads = True
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Say nothing of somebody who hung up."""

    server = MetricsServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True).start()
    return server
