"""Requests to the API of GitHub or GitLab: tried again where the server is ill or asks for patience.

In: a method, a path, JSON. Out: the answer's JSON and headers. The token goes to the host that was named, never along with
a redirect; it is in no message.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import field
from email.message import Message
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from wgm_play import __version__
from wgm_play.errors import InputError, Unreachable
from wgm_play.lazy_dataclass import dataclass

# Seconds: for one answer; for all waiting together; the first pause, which doubles.
ANSWER, PATIENCE, PAUSE = 30.0, 300.0, 1.0
# Tries of one request.
TRIES = 8
_LOCAL = ("127.0.0.1", "localhost", "::1")


class Answered(Exception):
    """An answer that is no success: its status, what it says."""

    def __init__(self, status: int, says: str) -> None:
        super().__init__(f"{status}: {says}")
        self.status = status
        self.says = says


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the token is for one host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Go nowhere."""
        return


@dataclass(slots=True)
class Web:
    """One API. `headers` hold the token; `sleep` waits, `left` is how long it still may."""

    url: str
    headers: Mapping[str, str]
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    left: float = PATIENCE
    opener: urllib.request.OpenerDirector = field(default_factory=lambda: urllib.request.build_opener(_SameHost))

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
            raise InputError(
                f"the API at {self.url!r} is not reached by https", hint="a token is never sent in the clear"
            )

    def call(self, method: str, path: str, body: Any = None) -> tuple[Any, Message]:
        """Return what the API answers and its headers. Raise `Answered` for a refusal, `Unreachable` where patience ends."""
        pause, failure = PAUSE, ""
        for _ in range(TRIES):
            try:
                return self._once(method, path, body)
            except urllib.error.HTTPError as error:
                with error:
                    says = _said(error)
                    wait = _patience(error, says, self.now())
                if wait is None:
                    raise Answered(error.code, says) from None
                failure = f"{error.code}: {says}"
            except (OSError, HTTPException, ValueError) as error:
                wait, failure = 0.0, str(getattr(error, "reason", error))
            seconds = max(wait, pause)
            if seconds > self.left:
                break
            self.left -= seconds
            self.sleep(seconds)
            pause *= 2
        raise Unreachable(
            f"{urlsplit(self.url).netloc} does not answer as it should: {failure}", hint="run the job again"
        )

    def _once(self, method: str, path: str, body: Any) -> tuple[Any, Message]:
        data = None if body is None else json.dumps(body).encode()
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": f"wgm-play/{__version__}",
            **self.headers,
        }
        request = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)  # noqa: S310 - https, or loopback
        with self.opener.open(request, timeout=ANSWER) as answer:
            content = answer.read()
            return (json.loads(content) if content else None), answer.headers


def _said(error: urllib.error.HTTPError) -> str:
    """Return what an error answer says, as one short line."""
    try:
        found = json.loads(error.read(65536))
        text = found.get("message") or found.get("error") if isinstance(found, dict) else ""
    except (ValueError, OSError):
        text = ""
    return " ".join(str(text or error.reason).split())[:200]


def _patience(error: urllib.error.HTTPError, says: str, now: float) -> float | None:
    """Return for how many seconds to wait before the next try; None where no try will help.

    GitHub's manual, "Rate limits for the REST API": retry-after, else x-ratelimit-reset where nothing remains, else a minute.
    """
    if error.code >= 500:
        return 0.0
    headers = error.headers
    after = headers.get("retry-after", "")
    limited = error.code == 429 or (
        error.code == 403 and (after or headers.get("x-ratelimit-remaining") == "0" or "rate limit" in says.lower())
    )
    if not limited:
        return None
    if after.isdigit():
        return float(after)
    reset = headers.get("x-ratelimit-reset") or headers.get("ratelimit-reset") or ""
    if headers.get("x-ratelimit-remaining") == "0" or "ratelimit-reset" in headers:
        return max(float(reset) - now, 0.0) + 1 if reset.isdigit() else 60.0
    return 60.0
