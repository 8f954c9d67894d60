"""What a branch does to what holds an environment, as a review tells it: only what holds less than before, and who may sign."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wgm_play.environment import Environment, load_environment
from wgm_play.review import gates

ONE_KEY, TWO_KEYS = (f"ssh-ed25519 {one * 68}" for one in "AB")
PROMOTION = (
    "promotion: {from: staging, soak: 24h, require: [quiet_alerts, undrifted], approvals: 2, approvers: [ben, carl]}\n"
)
GATES = {
    "nothing": ((PROMOTION, ""), (PROMOTION.replace("soak: 24h", "soak: 48h"), ""), []),
    "no promotion": (
        (PROMOTION, ""),
        ("", ""),
        ["error environment promotion goes: what runs here need not be tried elsewhere"],
    ),
    "less of it": (
        (PROMOTION, ""),
        (
            "promotion: {from: other, soak: 1h, require: [undrifted], approvals: 1, approvers: [ben, zoe], approval_lasts: 30d}\n",
            "",
        ),
        [
            "error environment promotion.approvals becomes 1, was 2",
            "error environment promotion.require no longer asks for quiet_alerts",
            "error environment promotion.soak becomes 1h, was 1d",
            "warning environment promotion.approval_lasts becomes 30d, was 7d",
            "warning environment promotion.from becomes other, was staging",
            "warning environment zoe may approve",
        ],
    ),
    "approved by everybody": (
        (PROMOTION, ""),
        (PROMOTION.replace(", approvers: [ben, carl]", ""), ""),
        ["error environment promotion.approvers goes: every login counts that the ledger lets write"],
    ),
    "freezes": (
        ("freeze: [{until: 2030-01-01, reason: the holidays}, {allow: FREQ=DAILY;BYHOUR=9, for: 1h}]\n", ""),
        ("freeze: [{allow: FREQ=DAILY;BYHOUR=9, for: 8h}]\n", ""),
        [
            "warning environment a window of freeze goes: FREQ=DAILY;BYHOUR=9",
            "warning environment a window of freeze goes: the holidays",
            "warning environment freeze lets more be run: FREQ=DAILY;BYHOUR=9",
        ],
    ),
    "keys": (
        (PROMOTION, f'ben@x {ONE_KEY}\ncarl@x valid-before="20300101" {TWO_KEYS}\ndora@x {ONE_KEY}\n'),
        (
            PROMOTION,
            f"# who may sign\nben@x,zoe@x {ONE_KEY}\ncarl@x {TWO_KEYS}\n*@y cert-authority {ONE_KEY}\n*@x {TWO_KEYS}\n",
        ),
        [
            "error signer the key SHA256:* may sign, and for *@x: that names nobody",
            "error signer whoever has a certificate of the authority SHA256:* may sign as *@y",
            'warning signer the key SHA256:* of carl@x may sign with no limits, was valid-before="20300101"',
            "warning signer zoe@x may approve and sign evidence, by the key SHA256:*",
            "info signer dora@x may no longer sign by the key SHA256:*",
        ],
    ),
}


def _made(folder: Path, said: tuple[str, str]) -> Environment:
    environments = folder / "environments"
    environments.mkdir(parents=True)
    (environments / "production.yml").write_text("embedded: true\n" + said[0])
    (environments / "allowed_signers").write_text(said[1])
    return load_environment("production", folder)


@pytest.mark.parametrize("name", GATES)
def test_what_holds_less_and_who_may_sign_is_told(tmp_path: Path, name: str) -> None:
    before, after, expected = GATES[name]
    was, now = _made(tmp_path / "before", before), _made(tmp_path / "after", after)
    found = gates.look(was, now, tmp_path / "before", tmp_path / "after")
    told = [f"{one.severity} {one.code} {one.message.removeprefix('environment production: ')}" for one in found]
    assert sorted(re.sub(r"(?<=SHA256:)\S+", "*", one) for one in told) == sorted(expected)
    assert len({one.fingerprint for one in gates.look(was, now, tmp_path / "before", tmp_path / "after")}) == len(told)
