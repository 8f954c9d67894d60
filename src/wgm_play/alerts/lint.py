"""Rules compared with the metrics that there are: a rule on a series that nobody exports is silent for ever.

In: alerts, pages in Prometheus' text format. Out: what is missing, in words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from wgm_play.alerts.prometheus import OWN, identity, is_told, series_name
from wgm_play.errors import InputError
from wgm_play.sql import reveal

if TYPE_CHECKING:
    from wgm_play.playbook.model import Alert

SECONDS = 10.0
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_SERIES = re.compile(rf"({_NAME})(\{{.*\}})?\s+\S+")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
# Names in an expression: neither in braces nor in quotes, no function, no label after by or without.
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|\{[^}]*\}|\[[^\]]*\]')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_WORD = re.compile(rf"(?<![\w.]){_NAME}(?!\s*\()")
_KEYWORDS = frozenset(
    [
        "and",
        "or",
        "unless",
        "bool",
        "offset",
        "by",
        "without",
        "on",
        "ignoring",
        "group_left",
        "group_right",
        "inf",
        "nan",
        "sum",
        "min",
        "max",
        "avg",
        "count",
        "stddev",
        "stdvar",
        "topk",
        "bottomk",
        "quantile",
        "count_values",
        "group",
        "atan2",
        "start",
        "end",
    ]
)

Found = dict[str, list[dict[str, str]]]


def read_pages(places: Iterable[str]) -> Found:
    """Return the series of pages: name -> labels of each. Raise `InputError` where one cannot be read."""
    found: Found = {}
    for place in places:
        for line in _text(place.strip()).splitlines():
            told = None if line.startswith("#") else _SERIES.match(line)
            if told:
                found.setdefault(told.group(1), []).append(dict(_LABEL.findall(told.group(2) or "")))
    return found


def _text(place: str) -> str:
    from urllib.error import URLError
    from urllib.request import urlopen

    try:
        if place.startswith(("http://", "https://")):
            with urlopen(place, timeout=SECONDS) as answer:  # noqa: S310 - the scheme was looked at
                return str(answer.read().decode("utf-8", "replace"))
        return Path(place).read_text(encoding="utf-8", errors="replace")
    except (OSError, URLError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise InputError(f"{place!r} cannot be read: {reason}", hint="a URL of a page of metrics, or a file") from error


def missing(alerts: Sequence[Alert], environment: str, database: str, exporter: str, found: Found) -> list[str]:
    """Return what the rules of these alerts name, and the pages have not."""
    told = []
    for alert in alerts:
        where = f"{alert.position}: alert {alert.name}: "
        if not is_told(alert, exporter):
            told.append(f"{where}{exporter} does not know it: only wgm-play does")
        elif alert.source == "promql":
            told += [
                f"{where}no metric {name!r}{_nearest(name, found)}"
                for name in names_in(reveal(alert.query))
                if name not in found
            ]
        elif (problem := _unexported(alert, environment, database, exporter, found)) is not None:
            told.append(where + problem)
    return told


def _unexported(alert: Alert, environment: str, database: str, exporter: str, found: Found) -> str | None:
    # Where no row is well, the value has no series now; that the query told so has one.
    name = "wgm_alert_up" if exporter == OWN else series_name(alert, exporter)
    if exporter != OWN and alert.absent != "unknown":
        return None
    wanted = identity(alert, environment, database, exporter)
    series = found.get(name)
    if series is None:
        return f"no metric {name!r}{_nearest(name, found)}"
    if any(wanted.items() <= labels.items() for labels in series):
        return None
    others = {tuple(labels.get(key, "") for key in wanted) for labels in series if labels.get("alert") == alert.name}
    told = "; ".join(
        ", ".join(f"{key}={value}" for key, value in zip(wanted, one, strict=True)) for one in sorted(others)
    )
    labels = ", ".join(f"{key}={value}" for key, value in wanted.items())
    return f"no series of {name} with {labels}" + (f"; there is: {told}" if told else "")


def _nearest(name: str, found: Found) -> str:
    close = get_close_matches(name, list(found), n=1, cutoff=0.7)
    return f"; did you mean {close[0]!r}?" if close else ""


def names_in(expression: str) -> list[str]:
    """Return the metrics that an expression of Prometheus names."""
    plain = _GROUPING.sub(" ", _QUOTED.sub(" ", expression))
    return [name for name in dict.fromkeys(_WORD.findall(plain)) if name.lower() not in _KEYWORDS]
