"""Files signed by a key of ssh: what is said, and a signature that `allowed_signers` vouches for.

In: data as JSON, a private key; or a file. Out: the file; what it says and by whom it is signed, None for one without a valid signature.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wgm_play.errors import InputError, Position
from wgm_play.promotion.revision import GitError, is_committed

# What signatures are for, so that one made for something else counts for nothing (ssh-keygen(1), "-n").
NAMESPACE = "wgm-play"


@dataclass(frozen=True, slots=True)
class Signed:
    """What a file says; `signer` is the principal of a valid signature, None where there is none, and `why` says why."""

    data: dict[str, Any]
    signer: str | None
    why: str = ""


def write(data: Mapping[str, Any], path: Path, key: Path | None) -> None:
    """Write data to a file, signed where a key is given."""
    text = json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True)
    signature = _sign(text, key) if key is not None else None
    content = json.dumps({"said": text, "signature": signature}, indent=1, ensure_ascii=False) + "\n"
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be written: {error.strerror}", hint="name another file") from error


def read(path: Path, allowed_signers: Path) -> Signed:
    """Read a file and check its signature."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        data = json.loads(content["said"])
        signature = content["signature"]
        if not isinstance(data, dict):
            raise TypeError
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{str(path)!r} is no file of ours", where=Position(str(path))) from error
    if not isinstance(signature, str):
        return Signed(data, None, "unsigned")
    signer, why = _verify(content["said"], signature, allowed_signers)
    return Signed(data, signer, why)


def _sign(text: str, key: Path) -> str:
    done = _keygen(["-Y", "sign", "-n", NAMESPACE, "-f", str(key)], text)
    if done.returncode:
        raise InputError(
            f"the key {str(key)!r} signs nothing: {_said(done)}",
            hint="give a private key of ssh, or its .pub with the agent",
        )
    return done.stdout.decode()


def _verify(text: str, signature: str, allowed: Path) -> tuple[str | None, str]:
    if not allowed.is_file():
        return None, f"unsigned: there is no {allowed}"
    with tempfile.NamedTemporaryFile("w", suffix=".sig") as file:
        file.write(signature)
        file.flush()
        found = _keygen(["-Y", "find-principals", "-s", file.name, "-f", str(allowed)], "")
        names = found.stdout.decode(errors="replace").split("\n") if not found.returncode else []
        why = "its key is not among the allowed signers"
        for name in filter(None, names):
            words = ["-Y", "verify", "-n", NAMESPACE, "-I", name, "-s", file.name, "-f", str(allowed)]
            done = _keygen(words, text)
            if not done.returncode:
                return _vouched(name, allowed)
            why = _why_not(done)
    return None, f"unsigned: {why}"


def _vouched(name: str, allowed: Path) -> tuple[str | None, str]:
    """Return a signer whose key was reviewed: whoever may write a key into the file here could sign with it."""
    try:
        committed = is_committed(allowed)
    except GitError as error:
        return None, f"unsigned: nobody can tell whether {allowed} is committed: {error}"
    return (name, "") if committed else (None, f"unsigned: {allowed} is not as it is committed: commit it first")


def _why_not(done: subprocess.CompletedProcess[bytes]) -> str:
    said = done.stderr.decode(errors="replace").strip().splitlines()
    if not said or any("incorrect signature" in line for line in said):
        return "the signature is not of what it says"
    return f"its key does not count now: {said[0]}"


def _keygen(words: list[str], given: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["ssh-keygen", *words], input=given.encode(), capture_output=True, timeout=60, check=False
        )
    except FileNotFoundError as error:
        raise InputError("there is no program ssh-keygen on the PATH", hint="install openssh-client") from error


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return (done.stderr.decode(errors="replace").strip().splitlines() or ["it gave no reason"])[-1]
