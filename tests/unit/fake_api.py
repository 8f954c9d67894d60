"""The comments of GitHub and GitLab on loopback, as their manuals describe them: pages, limits, errors, rate limits.

In: `Fake`. Out: a URL; what requests did is in its lists.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

# GitHub's manual, "Issue comments": a body has at most this many characters.
LONGEST = 65536


class Fake:
    """What a server holds. `ill` are answers to give instead, one for each request, as (status, headers)."""

    def __init__(self, account: str = "github-actions[bot]", *, integration: bool = True) -> None:
        self.account = account
        self.integration = integration
        self.comments: list[dict[str, Any]] = []
        self.pulls: list[dict[str, Any]] = []
        self.ill: list[tuple[int, dict[str, str]]] = []
        self.requests: list[str] = []
        self.lock = threading.Lock()
        self.next = 1
        self.url = ""

    def write(self, author: str, body: str) -> int:
        """Write a comment as somebody."""
        number, self.next = self.next, self.next + 1
        who = {"login": author, "username": author}
        self.comments.append({"id": number, "user": who, "author": who, "body": body, "system": False})
        return number

    def ours(self) -> list[dict[str, Any]]:
        """Return what our account wrote."""
        return [one for one in self.comments if one["user"]["login"] == self.account]

    def answer(self, method: str, target: str, token: str | None, body: Any) -> tuple[int, dict[str, str], Any]:
        """Answer a request."""
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.requests.append(f"{method} {parts.path}")
        if self.ill:
            status, headers = self.ill.pop(0)
            return status, headers, {"message": "You have exceeded a secondary rate limit" if status == 403 else "ill"}
        if token not in ("Bearer secret", "secret"):
            return 401, {}, {"message": "Bad credentials"}
        path = parts.path
        if path == "/user":
            if self.integration:
                return 403, {}, {"message": "Resource not accessible by integration"}
            return 200, {}, {"login": self.account, "username": self.account}
        if path.endswith("/pulls"):
            owner = query["head"]
            return 200, {}, [one for one in self.pulls if one["label"] == owner]
        found = re.fullmatch(r"/repos/o/r/issues/comments/(\d+)|/projects/7/merge_requests/5/notes/(\d+)", path)
        if found:
            return self._one(method, int(found[1] or found[2]), body)
        if path in ("/repos/o/r/issues/5/comments", "/projects/7/merge_requests/5/notes"):
            return self._all(method, query, body)
        return 404, {}, {"message": "Not Found"}

    def _one(self, method: str, number: int, body: Any) -> tuple[int, dict[str, str], Any]:
        there = next((one for one in self.comments if one["id"] == number), None)
        if there is None:
            return 404, {}, {"message": "Not Found"}
        if there["user"]["login"] != self.account:
            return 403, {}, {"message": "Must have admin rights"}
        if method == "DELETE":
            self.comments.remove(there)
            return 204, {}, None
        there["body"] = body["body"].replace("\n", "\r\n")
        return 200, {}, there

    def _all(self, method: str, query: dict[str, str], body: Any) -> tuple[int, dict[str, str], Any]:
        if method == "POST":
            if len(body["body"]) > LONGEST:
                return 422, {}, {"message": "Validation Failed"}
            self.write(self.account, body["body"])
            return 201, {}, {"id": self.next - 1}
        size, page = min(int(query.get("per_page", 30)), 100), int(query.get("page", 1))
        part = self.comments[(page - 1) * size : page * size]
        more = len(self.comments) > page * size
        return 200, {"x-next-page": str(page + 1) if more else ""}, part


@contextmanager
def serving(fake: Fake) -> Iterator[Fake]:
    """Serve for a `with` block."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            token = self.headers.get("authorization") or self.headers.get("private-token")
            with fake.lock:
                status, headers, found = fake.answer(self.command, self.path, token, body)
            content = b"" if found is None else json.dumps(found).encode()
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _do

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
