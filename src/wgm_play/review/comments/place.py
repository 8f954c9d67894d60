"""Where comments are: a pull request of GitHub, or a merge request of GitLab.

In: what the CI server says in the environment and in its event. Out: a `RequestComments`, which lists, makes, changes and removes comments.
The number of the request comes from the server's event, never from a file that a branch made.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from wgm_play.errors import InputError, Unreachable
from wgm_play.lazy_dataclass import dataclass
from wgm_play.review.comments.web import Answered, Web
from wgm_play.secret import register

PAGE = 100
# The author of what a workflow's own token writes (GitHub's manual, "Automatic token authentication").
_ACTIONS = "github-actions[bot]"
# No request has more comments than these pages hold.
_MOST_PAGES = 1000


@dataclass(frozen=True, slots=True)
class RequestComment:
    """One comment: its number, who wrote it, its text."""

    id: int
    author: str
    body: str


class RequestComments(Protocol):
    """The comments of one request, and the account that we are."""

    def account(self) -> str:
        """Return who writes with our token."""

    def comments(self) -> Iterator[RequestComment]:
        """Yield all comments, the oldest first."""

    def make(self, body: str) -> None:
        """Write a comment."""

    def change(self, comment: RequestComment, body: str) -> bool:
        """Change one; return whether it was still there."""

    def remove(self, comment: RequestComment) -> None:
        """Remove one."""


class Outdated(Exception):
    """The request has moved on since: a newer push has a review of its own."""


@dataclass(slots=True)
class GitHub:
    """A pull request (REST API, "Issue comments"). Without `said_account` the token says whose it is."""

    web: Web
    repository: str
    number: int
    said_account: str | None = None

    def account(self) -> str:
        """Return the login; a workflow's own token may not ask for it."""
        if self.said_account:
            return self.said_account
        try:
            found, _ = self.web.call("GET", "/user")
        except Answered as answered:
            if answered.status not in (401, 403):
                raise
            return _ACTIONS
        return str(found["login"])

    def comments(self) -> Iterator[RequestComment]:
        """Yield all comments, page by page."""
        for page in range(1, _MOST_PAGES):
            found, _ = self.web.call("GET", f"{self._issue}/comments?per_page={PAGE}&page={page}")
            for one in found:
                yield RequestComment(
                    int(one["id"]), str((one.get("user") or {}).get("login", "")), str(one.get("body") or "")
                )
            if len(found) < PAGE:
                return

    def make(self, body: str) -> None:
        """Write a comment."""
        self.web.call("POST", f"{self._issue}/comments", {"body": body})

    def change(self, comment: RequestComment, body: str) -> bool:
        """Change a comment."""
        return _there(lambda: self.web.call("PATCH", f"{self._comments}/{comment.id}", {"body": body}))

    def remove(self, comment: RequestComment) -> None:
        """Remove a comment."""
        _there(lambda: self.web.call("DELETE", f"{self._comments}/{comment.id}"))

    @property
    def _issue(self) -> str:
        return f"/repos/{self.repository}/issues/{self.number}"

    @property
    def _comments(self) -> str:
        return f"/repos/{self.repository}/issues/comments"


@dataclass(slots=True)
class GitLab:
    """A merge request (REST API, "Notes API")."""

    web: Web
    project: str
    number: int
    said_account: str | None = None

    def account(self) -> str:
        """Return the user of the token."""
        return self.said_account or str(self.web.call("GET", "/user")[0]["username"])

    def comments(self) -> Iterator[RequestComment]:
        """Yield all notes of people and bots, page by page."""
        page = "1"
        for _ in range(_MOST_PAGES):
            found, headers = self.web.call(
                "GET", f"{self._notes}?sort=asc&order_by=created_at&per_page={PAGE}&page={page}"
            )
            for one in found:
                if not one.get("system"):
                    yield RequestComment(
                        int(one["id"]), str((one.get("author") or {}).get("username", "")), str(one.get("body") or "")
                    )
            page = headers.get("x-next-page") or ""
            if not page.isdigit():
                return

    def make(self, body: str) -> None:
        """Write a note."""
        self.web.call("POST", self._notes, {"body": body})

    def change(self, comment: RequestComment, body: str) -> bool:
        """Change a note."""
        return _there(lambda: self.web.call("PUT", f"{self._notes}/{comment.id}", {"body": body}))

    def remove(self, comment: RequestComment) -> None:
        """Remove a note."""
        _there(lambda: self.web.call("DELETE", f"{self._notes}/{comment.id}"))

    @property
    def _notes(self) -> str:
        return f"/projects/{quote(self.project, safe='')}/merge_requests/{self.number}/notes"


def _there(call: Any) -> bool:
    """Call; tell whether what was to be changed is still there."""
    try:
        call()
    except Answered as answered:
        if answered.status in (404, 410):
            return False
        raise
    return True


def github(environ: Mapping[str, str], number: int | None, account: str | None) -> GitHub:
    """Return the pull request that this workflow is about. Raise `InputError`, or `Outdated`."""
    repository = _needed(environ, "GITHUB_REPOSITORY", "as OWNER/NAME")
    token = environ.get("GITHUB_TOKEN") or environ.get("GH_TOKEN")
    if not token:
        raise InputError(
            "GITHUB_TOKEN is not set", hint="env: {GITHUB_TOKEN: ${{ github.token }}}, with `pull-requests: write`"
        )
    register(token, "GITHUB_TOKEN")
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    web = Web(environ.get("GITHUB_API_URL", "https://api.github.com").rstrip("/"), headers)
    return GitHub(web, repository, number or _of_event(environ, web, repository), account)


def _of_event(environ: Mapping[str, str], web: Web, repository: str) -> int:
    """Return the number of the pull request that the event is about."""
    event = _event(environ)
    if isinstance(found := event.get("pull_request"), dict):
        return int(found["number"])
    run = event.get("workflow_run")
    if not isinstance(run, dict):
        raise InputError("the event is about no pull request", hint="on: pull_request or workflow_run, or --number N")
    if not run.get("head_repository"):
        raise Outdated("the fork that the branch was in is gone")
    owner, branch, head = run["head_repository"]["owner"]["login"], run["head_branch"], run["head_sha"]
    # `pull_requests` of the event is empty where the branch is in a fork.
    wanted = urlencode({"state": "open", "head": f"{owner}:{branch}", "per_page": PAGE})
    try:
        pulls, _ = web.call("GET", f"/repos/{repository}/pulls?{wanted}")
    except Answered as answered:
        raise refused(answered) from answered
    current = [one for one in pulls if one["head"]["sha"] == head]
    if not current:
        raise Outdated("the branch has been pushed to since, or its pull request is closed")
    return int(current[0]["number"])


def _event(environ: Mapping[str, str]) -> dict[str, Any]:
    path = _needed(environ, "GITHUB_EVENT_PATH", "a file of the workflow's event")
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"GITHUB_EVENT_PATH: {error}") from error
    return found if isinstance(found, dict) else {}


def gitlab(environ: Mapping[str, str], number: int | None, account: str | None) -> GitLab:
    """Return the merge request that this pipeline is about. Raise `InputError`."""
    url = _needed(environ, "CI_API_V4_URL", "as https://gitlab.com/api/v4")
    # The pipeline of a fork is one of the fork; the merge request is one of the project that it was made from.
    project = environ.get("CI_MERGE_REQUEST_PROJECT_ID") or _needed(
        environ, "CI_PROJECT_ID", "the number of the project"
    )
    token = environ.get("GITLAB_TOKEN")
    if not token:
        raise InputError(
            "GITLAB_TOKEN is not set", hint="a project access token with the scope `api`, as a masked variable"
        )
    register(token, "GITLAB_TOKEN")
    said = environ.get("CI_MERGE_REQUEST_IID", "")
    if number is None and not said.isdigit():
        raise InputError("this pipeline is about no merge request", hint="rules: merge_request_event, or --number N")
    return GitLab(Web(url.rstrip("/"), {"PRIVATE-TOKEN": token}), project, number or int(said), account)


def _needed(environ: Mapping[str, str], name: str, what: str) -> str:
    found = environ.get(name)
    if not found:
        raise InputError(f"{name} is not set: {what}", hint="this command runs in a job of the CI server")
    return found


def refused(answered: Answered) -> Unreachable:
    """Return the error for an answer that no further try makes better."""
    hints = {
        401: "the token is not taken: it may have expired",
        403: "the token needs to write pull requests: permissions: {pull-requests: write}; on GitLab the scope `api`",
        404: "check the repository and the number, and whether the token may see them",
        422: "the text is not taken: it may be too long",
    }
    return Unreachable(f"the API answers {answered}", hint=hints.get(answered.status))
