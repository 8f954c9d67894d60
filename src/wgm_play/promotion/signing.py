"""Files signed by a key of ssh: what is said, and a signature that `allowed_signers` vouches for.

In: data as JSON, a private key; or a file. Out: the file; what it says and by whom it is signed, None for one without a valid signature.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from wgm_play.errors import InputError, Position
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.files import shown
from wgm_play.promotion.revision import GitError, is_committed

# What signatures are for, so that one made for something else counts for nothing (ssh-keygen(1), "-n").
NAMESPACE = "wgm-play"
_UNLISTED = "its key is not among the allowed signers"


@dataclass(frozen=True, slots=True)
class Signed:
    """What a file says; `signer` is the principal of a valid signature, None where there is none, and `why` says why.

    `names` are all principals for whom its key is listed; `lift` is what to do where the file is right and its key is not.
    """

    data: dict[str, Any]
    signer: str | None
    why: str = ""
    names: tuple[str, ...] = ()
    lift: str = ""


def write(data: Mapping[str, Any], path: Path, key: Path | None) -> None:
    """Write data to a file, signed where a key is given."""
    text = json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True)
    signature = _sign(text, key) if key is not None else None
    content = json.dumps({"said": text, "signature": signature}, indent=1, ensure_ascii=False) + "\n"
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be written: {error.strerror}", hint="name another file") from error


def read(path: Path, allowed_signers: Path, now: datetime | None = None) -> Signed:
    """Read a file and check its signature; `now` is the time by which keys are valid, where another clock than this machine's tells it."""
    data, text, signature = _content(path)
    if signature is None:
        return Signed(data, None, "unsigned")
    list_it = f"list its key in {shown(allowed_signers)}, as in ci@shop.example ssh-ed25519 AAAA…, and commit that"
    if not allowed_signers.is_file():
        return Signed(data, None, f"unsigned: there is no {shown(allowed_signers)}", lift=list_it)
    names, why = _principals(text, signature, allowed_signers, now)
    if not names:
        return Signed(data, None, f"unsigned: {why}", lift=list_it if why == _UNLISTED else "")
    if why := _not_vouched(allowed_signers):
        return Signed(data, None, why, lift=f"commit {shown(allowed_signers)}")
    return Signed(data, names[0], names=names)


def holds(path: Path, signers: str) -> bool:
    """Tell whether the signature of a file is by a key of these allowed signers."""
    _, text, signature = _content(path)
    with tempfile.NamedTemporaryFile("w", suffix=".signers") as file:
        file.write(signers)
        file.flush()
        return signature is not None and bool(_principals(text, signature, Path(file.name))[0])


def _content(path: Path) -> tuple[dict[str, Any], str, str | None]:
    """Return what a file says, as data and as the text that was signed, and the signature."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        text, signature = content["said"], content["signature"]
        data = json.loads(text)
        if not isinstance(data, dict):
            raise TypeError
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{str(path)!r} is no file of ours, or only a part of one",
            where=Position(str(path)),
            hint="export it, or let it be signed, once more",
        ) from error
    return data, text, signature if isinstance(signature, str) else None


def _sign(text: str, key: Path) -> str:
    done = _keygen(["-Y", "sign", "-n", NAMESPACE, "-f", str(key)], text)
    if done.returncode:
        raise InputError(
            f"the key {str(key)!r} signs nothing: {_said(done)}",
            hint="give a private key of ssh, or its .pub with the agent",
        )
    return done.stdout.decode()


def _principals(text: str, signature: str, allowed: Path, now: datetime | None = None) -> tuple[tuple[str, ...], str]:
    """Return for whom a signature is valid: each name that its key is listed for; else why it is not."""
    at = ["-O", f"verify-time={now.astimezone():%Y%m%d%H%M%S}"] if now is not None else []
    with tempfile.NamedTemporaryFile("w", suffix=".sig") as file:
        file.write(signature)
        file.flush()
        found = _keygen(["-Y", "find-principals", *at, "-s", file.name, "-f", str(allowed)], "")
        names = found.stdout.decode(errors="replace").split("\n") if not found.returncode else []
        why = _why_not(found, _UNLISTED)
        good = []
        for name in filter(None, names):
            words = ["-Y", "verify", *at, "-n", NAMESPACE, "-I", name, "-s", file.name, "-f", str(allowed)]
            done = _keygen(words, text)
            if done.returncode:
                why = _why_not(done, "the signature is not of what it says")
            else:
                good.append(name)
    return tuple(good), why


def _not_vouched(allowed: Path) -> str:
    """Return why the signers do not count: whoever may write a key into the file here could sign with it."""
    try:
        committed = is_committed(allowed)
    except GitError as error:
        return f"unsigned: nobody can tell whether {shown(allowed)} is committed: {error}"
    return "" if committed else f"unsigned: {shown(allowed)} is not as it is committed: commit it first"


# What ssh-keygen says of a key that is listed, and what it means.
_LIMITS = (
    (re.compile(r"key has expired: .*> valid-before (\S+)"), "its key was valid until {} (valid-before)"),
    (re.compile(r"key is not yet valid: .*< valid-after (\S+)"), "its key is valid from {} on (valid-after)"),
    (re.compile(r"not permitted for use in signature namespace"), f"its key may not sign for {NAMESPACE} (namespaces)"),
)


def _why_not(done: subprocess.CompletedProcess[bytes], otherwise: str) -> str:
    said = done.stderr.decode(errors="replace")
    for pattern, meaning in _LIMITS:
        if (found := pattern.search(said)) is not None:
            return meaning.format(*(one.replace("T", " ") for one in found.groups()))
    return otherwise


def _keygen(words: list[str], given: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["ssh-keygen", *words], input=given.encode(), capture_output=True, timeout=60, check=False
        )
    except FileNotFoundError as error:
        raise InputError("there is no program ssh-keygen on the PATH", hint="install openssh-client") from error


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return (done.stderr.decode(errors="replace").strip().splitlines() or ["it gave no reason"])[-1]
