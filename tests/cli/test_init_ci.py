"""The jobs that `init --ci` writes: each shell step is run as the CI server runs it, against a fake API on loopback."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from real_command import Command

from wgm_play import __version__

sys.path.append(str(Path(__file__).parents[1] / "unit"))
from fake_api import Fake, serving

sys.path.append(str(Path(__file__).parents[1] / "database"))
from promoting import Firm

BASE = "github.event.pull_request.base.sha || github.event.merge_group.base_sha"


class Loader(yaml.SafeLoader):
    """YAML 1.2's booleans: `on` is a word, as for GitHub."""


Loader.yaml_implicit_resolvers = {
    letter: [(tag, regexp) for tag, regexp in found if tag != "tag:yaml.org,2002:bool"]
    for letter, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def git(folder: Path, *words: str) -> str:
    names = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", *names, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def shop(wgm: Command, tmp_path: Path) -> Path:
    """A project with jobs, in git, on a branch that drops a table."""
    return begun(wgm, tmp_path / "shop", tmp_path / "shop")


@pytest.fixture
def below(wgm: Command, tmp_path: Path) -> Path:
    """The same below the root of a repository that another project lies in too."""
    top = tmp_path / "repository"
    assert wgm("init", str(top / "libs" / "other"), "--ci", "github").returncode == 0
    return begun(wgm, top / "services" / "shop.db", top)


def begun(wgm: Command, folder: Path, top: Path) -> Path:
    """Return the folder of a project in the repository `top`, on a branch."""
    assert wgm("init", str(folder)).returncode == 0
    git(top, "init", "-q", "-b", "main")
    git(folder, "commit", "-q", "--allow-empty", "-m", "nothing yet")
    for server in ("github", "gitlab"):
        (top / ".pre-commit-config.yaml").unlink(missing_ok=True)
        done = wgm("init", str(folder), "--ci", server)
        assert done.returncode == 0, done.stderr
    (folder / "playbooks" / "old.yml").write_text("- name: Old\n  hosts: development\n  steps: []\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "base")
    git(folder, "checkout", "-q", "-b", "feature")
    tables = folder / "playbooks" / "schema" / "001_tables.yml"
    tables.write_text(tables.read_text().replace("      due:     date", "      notes:   text\n      due:     date"))
    (folder / "environments" / "production.yml").write_text("embedded: true\n")
    (folder / "playbooks" / "old.yml").unlink()
    git(folder, "commit", "-q", "-a", "-m", "notes")
    return folder


def run(script: str, folder: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a step as GitHub does: `bash -e -o pipefail`, with our command on the PATH, and an installation that does nothing."""
    places = folder.parent / "bin"
    places.mkdir(exist_ok=True)
    for name, text in {"wgm-play": f'exec {sys.executable} -m wgm_play "$@"', "python": 'echo "$@"'}.items():
        (places / name).write_text(f"#!/bin/sh\n{text}\n")
        (places / name).chmod(0o755)
    known = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CI_", "GITLAB_"))}
    bash = shutil.which("bash") or "bash"
    return subprocess.run(
        [bash, "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        text=True,
        capture_output=True,
        check=False,
        env={**known, **environ, "PATH": f"{places}{os.pathsep}{os.environ['PATH']}"},
    )


def steps(path: Path, values: dict[str, str]) -> list[tuple[str, dict[str, str], str]]:
    """Return name, environment and text of the shell steps of a workflow, with GitHub's expressions put in."""
    found = yaml.load(path.read_text(), Loader)  # noqa: S506 - a safe loader

    def said(text: str) -> str:
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda match: values[match[1]], text)

    return [
        (step["name"], {name: said(value) for name, value in step.get("env", {}).items()}, said(step["run"]))
        for job in found["jobs"].values()
        for step in job["steps"]
        if "run" in step
    ]


def test_the_workflows_review_a_branch_and_comment_on_it(below: Path, tmp_path: Path) -> None:
    shop, temp, summary, event = below, tmp_path / "temp dir", tmp_path / "summary.md", tmp_path / "event.json"
    temp.mkdir()
    flows = tmp_path / "repository" / ".github" / "workflows"
    values = {BASE: git(shop, "rev-parse", "main"), "github.token": "secret"}
    # The branch brings an environment, as the documentation of promotion says.
    for folder, change in (("environments", ("", "")), ("playbooks", ("hosts: production", "hosts: staging"))):
        (shop / folder / "staging.yml").write_text((shop / folder / "production.yml").read_text().replace(*change))
    git(shop, "add", "-A")
    git(shop, "commit", "-q", "-m", "staging")
    # What is checked out is the branch merged into main, which has moved on since the event said where it is.
    git(shop, "checkout", "-q", "main")
    (shop / "playbooks" / "odd.yaml").write_text(
        "- {name: Odd, hosts: development, steps: [{name: Odd, schema: {name: odd}}]}\n"
    )
    git(shop, "add", "-A")
    git(shop, "commit", "-q", "-m", "another")
    git(shop, "merge", "-q", "--no-ff", "-m", "merged", "feature")
    environ = {"RUNNER_TEMP": str(temp), "GITHUB_STEP_SUMMARY": str(summary)}
    said = ""
    review = flows / "wgm-review-services-shop-db.yml"
    assert yaml.load(review.read_text(), Loader)["defaults"]["run"]["working-directory"] == "services/shop.db"  # noqa: S506
    for _, own, text in steps(review, values):
        done = run(text, shop, {**environ, **own})
        assert done.returncode == 0, done.stdout + done.stderr
        said += done.stdout
    assert f"wgm-play[embedded]=={__version__}" in said
    assert "add column tasks.notes" in summary.read_text()
    assert "no database changes" in (temp / "review" / "odd.txt").read_text()
    assert "environments/production.yml is changed by this branch" in summary.read_text()
    sarif = json.loads((temp / "review" / "production.sarif").read_text())
    places = [one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in sarif["runs"][0]["results"]]
    assert {one.removeprefix("services/shop.db/") for one in places} == {
        "playbooks/schema/001_tables.yml",
        "environments/production.yml",
    }
    assert re.search(r"staging: new: \d+ to create", (temp / "review" / "staging.txt").read_text())
    assert "environments/staging.yml is new in this branch, and taken as it is" in summary.read_text()
    gone = json.loads((temp / "review" / "old.json").read_text())  # deleted by the branch
    assert gone["environments"][0]["gone"] is True
    empty = tmp_path / "nothing is checked out"
    empty.mkdir()
    with serving(Fake()) as fake:
        head = {"head_repository": {"owner": {"login": "fork"}}, "head_branch": "feature", "head_sha": "abc"}
        event.write_text(json.dumps({"workflow_run": {**head, "pull_requests": []}}))
        fake.pulls = [{"label": "fork:feature", "number": 5, "head": {"sha": "abc"}}]
        hub = {"GITHUB_REPOSITORY": "o/r", "GITHUB_API_URL": fake.url, "GITHUB_EVENT_PATH": str(event)}
        for _ in range(2):
            for _, own, text in steps(flows / "wgm-comment-services-shop-db.yml", values):
                done = run(text, empty, {**environ, **hub, **own})
                assert done.returncode == 0, done.stdout + done.stderr
        assert sorted(re.findall(r"review (\S+) ", one["body"])[0] for one in fake.ours()) == [
            "services/shop.db/playbooks/development.yml",
            "services/shop.db/playbooks/old.yml",
            "services/shop.db/playbooks/production.yml",
            "services/shop.db/playbooks/staging.yml",
        ]


def test_a_branch_that_is_wrong_makes_the_job_fail_and_is_reviewed_all_the_same(shop: Path, tmp_path: Path) -> None:
    tables = shop / "playbooks" / "schema" / "001_tables.yml"
    tables.write_text(tables.read_text().replace("notes:   text", "notes:   txt"))
    temp = tmp_path / "temp"
    temp.mkdir()
    values = {BASE: git(shop, "rev-list", "--max-parents=0", "main")}  # which has not even environments
    environ = {"RUNNER_TEMP": str(temp), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    codes = [
        run(text, shop, {**environ, **own}) for _, own, text in steps(shop / ".github/workflows/wgm-review.yml", values)
    ]
    assert [done.returncode for done in codes] == [0, 0, 1]
    assert "::error file=playbooks/schema/001_tables.yml,line=" in codes[-1].stdout
    assert json.loads((temp / "review" / "production.json").read_text())["broken"]


def test_the_drift_job_checks_the_database(shop: Path, tmp_path: Path, database_url: str) -> None:
    git(shop, "checkout", "-q", "main")
    summary = tmp_path / "summary.md"
    summary.write_text("")
    values = {"secrets.DATABASE_URL": database_url}
    for _, own, text in steps(shop / ".github/workflows/wgm-drift.yml", values):
        done = run(text, shop, {**own, "GITHUB_STEP_SUMMARY": str(summary)})
        assert done.returncode in (0, 12), done.stdout + done.stderr
    assert "play check: production" in summary.read_text()


@pytest.mark.long  # GitHub has the same
def test_the_pipeline_of_gitlab_does_the_same(shop: Path, tmp_path: Path) -> None:
    jobs: dict[str, Any] = yaml.load((shop / ".gitlab/wgm-play.yml").read_text(), Loader)  # noqa: S506 - a safe loader
    assert yaml.safe_load((shop / ".gitlab-ci.yml").read_text()) == {"include": [{"local": ".gitlab/wgm-play.yml"}]}
    base = git(shop, "rev-parse", "main")
    environ = {"CI_PROJECT_DIR": str(shop), "CI_MERGE_REQUEST_DIFF_BASE_SHA": base, "CI_PIPELINE_ID": "31"}
    done = run("\n".join(jobs["wgm-review"]["script"]), shop, environ)
    assert done.returncode == 0, done.stdout + done.stderr
    quality = json.loads((shop / "wgm-review" / "31" / "production.quality.json").read_text())
    assert isinstance(quality, list)
    with serving(Fake("project_7_bot", integration=False)) as fake:
        lab = {
            "CI_API_V4_URL": fake.url,
            "CI_PROJECT_ID": "8",
            "CI_MERGE_REQUEST_PROJECT_ID": "7",
            "CI_MERGE_REQUEST_IID": "5",
            "GITLAB_TOKEN": "secret",
        }
        done = run("\n".join(jobs["wgm-comment"]["script"]), shop, {**environ, **lab})
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(fake.ours()) == 3


def test_the_hooks_of_pre_commit_are_quiet_for_a_new_project(below: Path) -> None:
    git(below, "checkout", "-q", "main")
    top = below.parents[1]
    hooks = yaml.safe_load((top / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    for hook in hooks:
        assert re.match(hook["files"], "services/shop.db/playbooks/x.yml") and not re.match(
            hook["files"], "playbooks/x.yml"
        )
        done = run(hook["entry"], top, {})
        assert done.returncode == 0, f"{hook['id']}: {done.stdout}{done.stderr}"


def test_workflows_take_no_more_than_they_need(shop: Path) -> None:
    for path in (shop / ".github" / "workflows").iterdir():
        text = path.read_text()
        flow = yaml.load(text, Loader)  # noqa: S506 - a safe loader
        assert set(flow["permissions"] or {}) <= {"contents"} and "write" not in str(flow["permissions"])
        assert "pull_request_target" not in text
        assert flow["defaults"] == {"run": {"shell": "bash"}}  # else no step sees that a command before a pipe failed
        assert "@" not in re.sub(r"uses: \S+@\S+", "", text)
        for used in re.findall(r"uses: (\S+)", text):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", used), used
        # What a stranger chooses is in no shell's text.
        for _, _, script in steps(
            path,
            {
                BASE: "",
                "github.token": "",
                "secrets.DATABASE_URL": "",
                "secrets.WGM_SIGNING_KEY": "",
            },
        ):
            assert "${{" not in script
        triggers = flow["on"] if isinstance(flow["on"], dict) else {flow["on"]: None}
        if "pull_request" in triggers:
            assert "secrets." not in text and "github.token" not in text
        if "workflow_run" in triggers:
            assert "actions/checkout" not in text


def test_the_jobs_are_for_the_branch_that_is_merged_into_and_the_folder_that_is_read(
    wgm: Command, tmp_path: Path
) -> None:
    git(tmp_path, "init", "-q", "-b", "master")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first")
    git(tmp_path, "checkout", "-q", "-b", "jobs")
    done = wgm("init", "shop", "--ci", "github")
    assert f"the jobs are in {tmp_path}, where the repository begins" in done.stdout
    text = (tmp_path / ".github/workflows/wgm-promote-shop.yml").read_text()
    assert yaml.load(text, Loader)["on"]["push"] == {"branches": ["master"]}  # noqa: S506 - a safe loader
    assert "github.ref == 'refs/heads/master'" in text
    done = wgm("init", "a shop", "--ci", "github")
    assert done.returncode == 1 and "no jobs can be written for a project in 'a shop'" in done.stderr
    assert not (tmp_path / "a shop").exists()


def test_the_jobs_of_gitlab_for_a_project_below_the_root_are_its_own(below: Path) -> None:
    jobs = yaml.load((below.parents[1] / ".gitlab/wgm-play-services-shop-db.yml").read_text(), Loader)  # noqa: S506
    assert all(name.removeprefix(".").startswith("wgm-") and name.endswith("-services-shop-db") for name in jobs)
    assert jobs[".wgm-play-services-shop-db"]["before_script"][-1] == "mkdir -p services/shop.db && cd services/shop.db"
    kept = jobs["wgm-review-services-shop-db"]["artifacts"]
    assert kept["reports"]["codequality"].startswith(kept["paths"][0]) and kept["paths"] == [
        "services/shop.db/wgm-review/"
    ]
    for job in jobs.values():
        assert (
            all(needed in jobs for needed in job.get("needs", []))
            and job.get("extends", ".wgm-play-services-shop-db") in jobs
        )


def test_files_of_others_are_left_alone(wgm: Command, tmp_path: Path) -> None:
    assert wgm("init", "shop").returncode == 0
    (tmp_path / "shop" / ".gitlab-ci.yml").write_text("mine: true\n")
    done = wgm("init", "shop", "--ci", "gitlab")
    assert (done.returncode, ".gitlab-ci.yml is yours" in done.stdout) == (0, True)
    assert (tmp_path / "shop" / ".gitlab-ci.yml").read_text() == "mine: true\n"
    again = wgm("init", "shop", "--ci", "gitlab")
    assert again.returncode == 1 and ".gitlab/wgm-play.yml" in again.stderr


def in_jobs(path: Path, values: dict[str, dict[str, str]]) -> dict[str, list[tuple[dict[str, str], str]]]:
    """Return environment and text of the shell steps of each job, with what each job knows put in."""
    found = yaml.load(path.read_text(), Loader)  # noqa: S506 - a safe loader

    def said(text: str, known: dict[str, str]) -> str:
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda match: known[match[1]], text)

    return {
        name: [
            ({key: said(one, values[name]) for key, one in step.get("env", {}).items()}, step["run"])
            for step in job["steps"]
            if "run" in step
        ]
        for name, job in found["jobs"].items()
    }


@pytest.fixture
def firm(shop: Path, new_database: Callable[..., str]) -> Firm:
    """The project with a staging environment, promotion switched on, and a key that may sign."""
    made = Firm(shop, {"staging": new_database(), "production": new_database()})
    git(shop, "checkout", "-q", "main")
    where = 'url: "{{ env.DATABASE_URL }}"\n'
    made.write("environments/staging.yml", where)
    made.write("environments/production.yml", f"{where}promotion: {{from: staging, soak: 1h}}\n")
    made.write(
        "playbooks/staging.yml", (shop / "playbooks/production.yml").read_text().replace("production", "staging")
    )
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(shop.parent / "key")], check=True)
    made.write("environments/allowed_signers", f"ci@shop.example {(shop.parent / 'key.pub').read_text()}")
    git(shop, "add", "-A")
    git(shop, "commit", "-q", "-m", "promotion")
    return made


def tables(firm: Firm, name: str) -> int:
    return int(firm.sql(name, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")[0][0])


def test_the_promotion_job_runs_production_when_staging_has_held_it_for_long_enough(firm: Firm, tmp_path: Path) -> None:
    temp = tmp_path / "temp dir"
    temp.mkdir()
    key = (tmp_path / "key").read_text().rstrip("\n")
    values = {name: {"secrets.DATABASE_URL": url, "secrets.WGM_SIGNING_KEY": key} for name, url in firm.urls.items()}
    jobs = in_jobs(firm.folder / ".github/workflows/wgm-promote.yml", values)
    assert list(jobs) == ["staging", "production"]
    for made, told in ((0, True), (2, False), (2, False)):
        said = ""
        for own, text in (*jobs["staging"], *jobs["production"]):
            done = run(text, firm.folder, {"RUNNER_TEMP": str(temp), **own})
            assert done.returncode == 0, done.stdout + done.stderr
            said += done.stdout + done.stderr
        assert tables(firm, "staging") == 2 and not (temp / "signing-key").exists()
        assert (tables(firm, "production"), "::notice::refused" in said) == (made, told), said
        firm.pass_time("staging", 2)
    assert "production : ok=" in said and "changed=0" in said


@pytest.mark.long  # GitHub has the same
def test_the_promotion_of_gitlab_does_the_same(firm: Firm, tmp_path: Path) -> None:
    jobs: dict[str, Any] = yaml.load((firm.folder / ".gitlab/wgm-play.yml").read_text(), Loader)  # noqa: S506 - a safe loader
    (tmp_path / "shop.tmp").mkdir()
    for code in (11, 0):
        for name, url in firm.urls.items():
            job = jobs[f"wgm-{name}"]
            environ = {
                "CI_PROJECT_DIR": str(firm.folder),
                "DATABASE_URL": url,
                "WGM_SIGNING_KEY": str(tmp_path / "key"),
            }
            done = run("\n".join(job["script"]), firm.folder, environ)
            allowed = [0, *([job["allow_failure"]["exit_codes"]] if "allow_failure" in job else [])]
            assert done.returncode in allowed, done.stdout + done.stderr
        assert done.returncode == code
        firm.pass_time("staging", 2)
    assert tables(firm, "production") == 2
