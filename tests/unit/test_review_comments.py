"""One comment for each review, whatever happens to the requests: 500 pushes, errors, limits, strangers with our mark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_api import Fake, serving

from wgm_play.catalog.model import Key
from wgm_play.cli import comment
from wgm_play.errors import InputError, Position, Unreachable
from wgm_play.finding import Finding
from wgm_play.plan import Command, Group, Lock, Operation, Plan
from wgm_play.report.review import data, markdown
from wgm_play.report.text import TextReporter
from wgm_play.reporter import Reporter
from wgm_play.review.comments.keep import CommentText, keep
from wgm_play.review.comments.place import GitHub, GitLab, Outdated, github
from wgm_play.review.comments.web import Web
from wgm_play.review.model import SECTIONS, SECURITY, PlayReview, Review, Rollback

HOSTILE = "x\n<!-- wgm-play review other.yml a -->\n</details>\n```\n````\n@everybody #1 [a](http://evil) www.evil.example <img src=x> | \u202e/close"


def plan(title: str = "add column users.note", count: int = 1) -> Plan:
    command = Command("ALTER TABLE public.users ADD COLUMN note text", locks=(Lock("AccessExclusive", "users"),))
    operations = tuple(
        Operation("create", Key("column", ("public", "users", f"c{n}")), title, (command,), 0) for n in range(count)
    )
    return Plan("play.yml", "shop", "production", 180000, "", "", "", (Group(operations, 0),), step_names=("People",))


def a_review(
    text: str = "", *, count: int = 1, environments: tuple[str, ...] = ("production",), subject: str = "play.yml"
) -> Review:
    """Return a review that says `text` everywhere; a quiet one for no text."""
    found = tuple(
        Finding(
            "grant_wider", "error", f"{text} {n}", text, text, text, (text,), Position("play.yml", n + 1, 3), "review"
        )
        for n in range(count)
    )
    nothing = Plan("play.yml", "shop", "production", 180000, "", "", "", ())
    plays = tuple(
        PlayReview(
            "shop",
            name,
            18,
            18,
            "nothing",
            plan(text, count) if text else nothing,
            {section: found if text and section == SECURITY else () for section in SECTIONS},
            (text,) if text else (),
            Rollback(plan(text, count).groups[0].operations, (), (text,), ((text, text),)) if text else Rollback(),
            text,
            (text,) if text else (),
        )
        for name in environments
    )
    return Review(subject, "against main (0123456789)", plays, (text,) if text else ())


def as_text(review: Review) -> CommentText:
    return CommentText(markdown.write(review), review.quiet)


@pytest.fixture(params=["github", "gitlab"])
def place(request: pytest.FixtureRequest) -> Iterator[tuple[Fake, GitHub | GitLab]]:
    hub = request.param == "github"
    with serving(Fake("github-actions[bot]" if hub else "project_7_bot", integration=hub)) as fake:
        web = Web(
            fake.url, {"Authorization": "Bearer secret"} if hub else {"PRIVATE-TOKEN": "secret"}, sleep=lambda _: None
        )
        yield fake, GitHub(web, "o/r", 5) if hub else GitLab(web, "7", 5)


def test_500_pushes_leave_one_comment_and_no_stale_one(place: tuple[Fake, GitHub | GitLab]) -> None:
    fake, where = place
    for number in range(130):
        fake.write("somebody", f"a word {number}")
    pushes = 500 if isinstance(where, GitHub) else 99
    for push in range(pushes):
        if push % 50 == 7:
            fake.ill = [(502, {}), (403, {"retry-after": "1"}), (429, {}), (500, {})]
        if push % 97 == 3:
            fake.write(fake.account, as_text(a_review("left by a job that ran beside")).body)
        where.web.left = 300.0
        keep(where, [as_text(a_review(f"push {push}" if push % 4 else ""))])
    (ours,) = fake.ours()
    assert f"push {pushes - 1}" in ours["body"] and len(fake.comments) == 131
    keep(where, [as_text(a_review())])
    (ours,) = fake.ours()
    assert "🟢" in ours["body"] and "no database changes" in ours["body"] and len(ours["body"].splitlines()) == 2


def test_nothing_is_said_where_nothing_was(place: tuple[Fake, GitHub | GitLab]) -> None:
    fake, where = place
    assert keep(where, [as_text(a_review())]) == ["play.yml: nothing to say"]
    assert fake.comments == []


def test_comments_of_others_are_left_alone_whatever_they_begin_with(place: tuple[Fake, GitHub | GitLab]) -> None:
    fake, where = place
    body = as_text(a_review("forged")).body
    fake.write("mallory", body)
    fake.write(fake.account, f"quoted:\n> {body}")
    fake.write(fake.account, f" {body}")
    before = json.dumps(fake.comments)
    assert keep(where, [as_text(a_review("true"))]) == ["play.yml: commented"]
    assert json.dumps(fake.comments[:3]) == before and len(fake.comments) == 4


def test_each_playbook_has_its_own_and_environments_that_come_or_go_make_no_second_one(
    place: tuple[Fake, GitHub | GitLab],
) -> None:
    fake, where = place
    keep(
        where,
        [
            as_text(a_review("a")),
            as_text(a_review("b", subject="other.yml")),
            as_text(a_review("c", environments=("staging",))),
        ],
    )
    assert len(fake.ours()) == 3
    keep(where, [as_text(a_review("d", environments=("production", "development")))])
    assert len(fake.ours()) == 3 and sum("d 0" in one["body"] for one in fake.ours()) == 1


def test_a_comment_that_is_gone_is_written_again(place: tuple[Fake, GitHub | GitLab]) -> None:
    fake, where = place
    keep(where, [as_text(a_review("a"))])
    change = where.change
    where_change = type(where).change

    def gone(comment: object, body: str) -> bool:
        fake.comments.clear()
        return change(comment, body)  # type: ignore[arg-type]

    type(where).change = lambda self, one, body: gone(one, body)  # type: ignore[method-assign,assignment]
    try:
        keep(where, [as_text(a_review("b"))])
    finally:
        type(where).change = where_change  # type: ignore[method-assign]
    (ours,) = fake.ours()
    assert "b 0" in ours["body"]


def test_patience_ends(place: tuple[Fake, GitHub | GitLab]) -> None:
    fake, where = place
    fake.ill = [(503, {})] * 20
    with pytest.raises(Unreachable, match="does not answer as it should: 503"):
        keep(where, [as_text(a_review("a"))])
    fake.ill = [(429, {"retry-after": "86400"})]
    where.web.left = 300.0
    with pytest.raises(Unreachable):
        keep(where, [as_text(a_review("a"))])


class Pages(Reporter):
    """Keeps the pages that are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def page(self, name: str, text: str) -> None:
        self.texts.append(text)


@pytest.mark.parametrize("count", [1, 40, 5000])
def test_a_comment_is_never_too_long_and_hostile_text_stays_text(count: int, tmp_path: Path) -> None:
    from markdown_it import MarkdownIt

    review = a_review(HOSTILE, count=count)
    text = markdown.write(review)
    assert len(text) <= 60_000
    if count < 100:
        path = tmp_path / "review.json"
        path.write_text(data.write(review), encoding="utf-8")
        assert markdown.write(data.read(path)) == text
        assert comment.run(heard := Pages(), [str(path)], check=True) == 0
        assert heard.texts == [text.rstrip()]
    assert "\u202e" not in text
    assert text.index("#### Security") < text.index("<details>") if "<details>" in text else True
    html = MarkdownIt("commonmark", {"html": True}).render(text)
    assert html.count("<!--") == 1 and "<img" not in html and "<a " not in html
    assert html.count("<details>") == html.count("</details>")
    outside = html.split("<code")[0]
    assert "@everybody" not in outside and "#1" not in outside


def test_a_document_that_is_no_review_is_refused(tmp_path: Path) -> None:
    for text in (
        "",
        "[]",
        "{}",
        '{"format": 1}',
        "[" * 100_000,
        data.write(a_review("a")).replace('"error"', '"awful"', 1),
    ):
        path = tmp_path / "review.json"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="is no review"):
            data.read(path)


def test_the_number_comes_from_the_event_also_for_a_fork(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    with serving(Fake()) as fake:
        fake.pulls = [{"label": "fork:feature", "number": 5, "head": {"sha": "abc"}}]
        environ = {
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_TOKEN": "secret",
            "GITHUB_API_URL": fake.url,
            "GITHUB_EVENT_PATH": str(event),
        }
        run = {
            "head_repository": {"owner": {"login": "fork"}},
            "head_branch": "feature",
            "head_sha": "abc",
            "pull_requests": [],
        }
        event.write_text(json.dumps({"workflow_run": run}))
        assert github(environ, None, None).number == 5
        event.write_text(json.dumps({"workflow_run": {**run, "head_sha": "old"}}))
        with pytest.raises(Outdated):
            github(environ, None, None)
        event.write_text(
            json.dumps({"workflow_run": {**run, "head_repository": None}})
        )  # a fork that was deleted since
        with pytest.raises(Outdated):
            github(environ, None, None)
        event.write_text(json.dumps({"pull_request": {"number": 9}}))
        assert github(environ, None, None).number == 9
        event.write_text("{}")
        with pytest.raises(InputError, match="about no pull request"):
            github(environ, None, None)


def test_a_token_is_not_sent_in_the_clear() -> None:
    with pytest.raises(InputError, match="https"):
        Web("http://api.example.org", {})


def test_the_command_writes_and_says_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "review.json"
    path.write_text(data.write(a_review("hello")), encoding="utf-8")
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 5}}))
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    monkeypatch.delenv("GH_TOKEN", raising=False)
    with serving(Fake()) as fake:
        for name, value in {"REPOSITORY": "o/r", "API_URL": fake.url, "EVENT_PATH": str(event)}.items():
            monkeypatch.setenv(f"GITHUB_{name}", value)
        with pytest.raises(InputError, match="GITHUB_TOKEN is not set"):
            comment.run(TextReporter(), [str(path)], github=True)
        monkeypatch.setenv("GITHUB_TOKEN", "wrong")
        with pytest.raises(Unreachable, match="401"):
            comment.run(TextReporter(), [str(path)], github=True, account="github-actions[bot]")
        monkeypatch.setenv("GITHUB_TOKEN", "secret")
        assert comment.run(TextReporter(), [str(path)], github=True) == 0
        assert "play.yml: commented" in capsys.readouterr().out and len(fake.ours()) == 1
