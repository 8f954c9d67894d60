"""A Prometheus that runs: asked for the value of an expression and for the rules it has, told to read its files again.

In: the URL of its reload (http://HOST:9090/-/reload). Out: rows; nothing that is told to it but the reload changes anything.
"""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from wgm_play.secret import mask, register

RELOAD = "/-/reload"
SECONDS = 10.0


class NotAnswered(Exception):
    """Prometheus cannot be reached, or refuses; the message is for people, without a password."""


class _SameServer(HTTPRedirectHandler):
    def redirect_request(self, *given: Any) -> None:
        """Go nowhere else: a URL of the environment means that server."""


class PrometheusServer:
    """One Prometheus. A user and a password of the URL are sent as basic authentication."""

    def __init__(self, reload: str) -> None:
        parts = urlsplit(reload)
        self.headers: dict[str, str] = {}
        if parts.password:
            register(parts.password)
            register(unquote(parts.password))
            told = f"{unquote(parts.username or '')}:{unquote(parts.password)}"
            self.headers["Authorization"] = f"Basic {base64.b64encode(told.encode()).decode()}"
        place = parts.netloc.rpartition("@")[2]
        self.reload_url = urlunsplit((parts.scheme, place, parts.path, parts.query, ""))
        self.base = self.reload_url.partition(RELOAD)[0] if RELOAD in self.reload_url else None

    def reload(self) -> None:
        """Let it read its files again. Raise `NotAnswered`."""
        self._send(self.reload_url, SECONDS, data=b"")

    def rules(self, group: str) -> dict[str, Any]:
        """Return the rules of a group by their names. Raise `NotAnswered`."""
        groups = self._ask("rules?type=alert", SECONDS)["groups"]
        return {one["name"]: one for each in groups if each["name"] == group for one in each["rules"]}

    def query(self, expression: str, seconds: float) -> list[tuple[dict[str, str], float]]:
        """Return the labels and the value of each series of an expression. Raise `NotAnswered`."""
        found = self._ask(f"query?query={quote(expression)}", seconds)
        if found["resultType"] == "scalar":
            return [({}, float(found["result"][1]))]
        if found["resultType"] != "vector":
            raise NotAnswered(f"the expression gives a {found['resultType']}, not one value for each series")
        return [(dict(one["metric"]), float(one["value"][1])) for one in found["result"]]

    def _ask(self, what: str, seconds: float) -> Any:
        if self.base is None:
            raise NotAnswered(f"only a URL that ends with {RELOAD} tells where Prometheus answers")
        try:
            return json.loads(self._send(f"{self.base}/api/v1/{what}", seconds))["data"]
        except (ValueError, KeyError) as error:
            raise NotAnswered(f"{self.base} does not answer as Prometheus does") from error

    def _send(self, url: str, seconds: float, data: bytes | None = None) -> bytes:
        try:
            request = Request(url, data=data, headers=self.headers)  # noqa: S310 - the environment's own URL
            with build_opener(_SameServer).open(request, timeout=seconds) as answer:
                return bytes(answer.read())
        except HTTPError as error:
            told = error.read().decode("utf-8", "replace").strip().splitlines()
            raise NotAnswered(
                mask(f"{url}: {error.code} {error.reason}" + (f": {told[0][:200]}" if told else ""))
            ) from None
        except (URLError, OSError, ValueError) as error:
            raise NotAnswered(mask(f"{url}: {getattr(error, 'reason', None) or error}")) from None
