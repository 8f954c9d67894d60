"""Values and files that ansible-vault has encrypted, read as they are.

In: a text that begins with $ANSIBLE_VAULT, a password that the command line or the process environment names. Out: what was
encrypted, as secrets. Nothing is decrypted for an untrusted playbook, and what needs no
secret reads a placeholder where no password is given.

The format is that of ansible-vault 1.1 and 1.2: PBKDF2 with SHA-256, AES-256 in counter mode, an HMAC over the ciphertext.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wgm_play.errors import InputError, Position
from wgm_play.secret import Secret, register

HEADER = "$ANSIBLE_VAULT;"
VARIABLE = "ANSIBLE_VAULT_PASSWORD_FILE"
_ROUNDS = 10_000
_SECONDS = 60.0
_HINT = f"--vault-password-file FILE, --ask-vault-pass, or {VARIABLE}"


class VaultText(Secret):
    """A decrypted value that knows where it was written."""

    __slots__ = ("position",)
    position: Position | None


class _Source:
    """Where the password comes from; it is asked for once."""

    def __init__(self) -> None:
        self.file: str | None = None
        self.ask = False
        self.trusted = True
        self.placeholders = False
        self.password: bytes | None = None

    @property
    def known(self) -> bool:
        """Whether a password can be had."""
        return self.ask or bool(self.file or os.environ.get(VARIABLE))


_source = _Source()


def use(*, file: str | None, ask: bool, trusted: bool) -> None:
    """Say where the password comes from."""
    _source.file, _source.ask, _source.trusted, _source.password = file, ask, trusted, None


@contextmanager
def placeholders() -> Iterator[None]:
    """Let encrypted values be placeholders in a `with` block: where no secret may be at hand."""
    before, _source.placeholders = _source.placeholders, True
    try:
        yield
    finally:
        _source.placeholders = before


def is_encrypted(content: str) -> bool:
    """Tell whether a text is one that ansible-vault has encrypted."""
    return content.lstrip().startswith(HEADER)


def holds(content: str) -> bool:
    """Tell whether a text is encrypted or holds values that are: it is kept in no cache."""
    return HEADER in content


def opened(content: str, where: Position) -> str:
    """Return what was encrypted; "" for a placeholder. Raise `InputError`."""
    if _source.placeholders and not (_source.trusted and _source.known):
        return ""
    if not _source.trusted:
        raise InputError(
            "an encrypted value of an untrusted playbook is not decrypted",
            where=where,
            hint="give it as env.NAME, and name it: --env NAME",
        )
    import binascii
    import hashlib
    import hmac

    lines = content.split()
    head = lines[0].split(";") if lines else []
    if len(head) < 3 or head[1] not in ("1.1", "1.2") or head[2] != "AES256":
        known = "it is read as ansible-vault 1.1 and 1.2 write it, with AES256"
        raise InputError(f"{lines[0] if lines else 'nothing'!r} is no vault that is known", where=where, hint=known)
    try:
        salt, digest, sealed = (
            binascii.unhexlify(part) for part in binascii.unhexlify("".join(lines[1:])).split(b"\n", 2)
        )
    except (binascii.Error, ValueError):
        hint = "encrypt it again: ansible-vault encrypt"
        raise InputError("the encrypted value is damaged", where=where, hint=hint) from None
    made = hashlib.pbkdf2_hmac("sha256", _password(where), salt, _ROUNDS, 80)
    if not hmac.compare_digest(hmac.new(made[32:64], sealed, hashlib.sha256).digest(), digest):
        raise InputError("the vault's password does not open it, or it is damaged", where=where, hint=_HINT)
    return _decrypted(made[:32], made[64:], sealed, where)


def secret(content: str, where: Position) -> VaultText:
    """Return a value of `!vault` as a secret; a placeholder where secrets are not at hand."""
    text = opened(content, where)
    made = VaultText(text or "vaulted")
    made.position = where
    if text:
        register(text)
    return made


def _decrypted(key: bytes, counter: bytes, sealed: bytes, where: Position) -> str:
    try:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    except ImportError as error:
        raise InputError(
            "what decrypts is not installed: cryptography", where=where, hint="pip install 'wgm-play[vault]'"
        ) from error
    decryptor = Cipher(algorithms.AES(key), modes.CTR(counter)).decryptor()
    padded = decryptor.update(sealed) + decryptor.finalize()
    plain = padded[: -padded[-1]] if padded else b""
    try:
        return plain.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("the encrypted value is no text of UTF-8", where=where) from None


def _password(where: Position) -> bytes:
    if _source.password is None:
        _source.password = _asked(where)
        register(_source.password.decode("utf-8", "replace"))
    return _source.password


def _asked(where: Position) -> bytes:
    if _source.ask:
        return _typed(where)
    name = _source.file or os.environ.get(VARIABLE)
    if not name:
        raise InputError("this is encrypted, and no password is given", where=where, hint=_HINT)
    path = Path(name).expanduser()
    try:
        if os.access(path, os.X_OK) and path.is_file():
            return _of_program(path, where)
        found = path.read_bytes().strip()
    except OSError as error:
        raise InputError(f"the vault's password file {name!r} cannot be read: {error.strerror}", where=where) from None
    if not found:
        raise InputError(f"the vault's password file {name!r} is empty", where=where)
    return found


def _of_program(path: Path, where: Position) -> bytes:
    """Return what an executable password file writes, as ansible-vault asks it."""
    import subprocess

    try:
        done = subprocess.run([str(path.absolute())], capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise InputError(f"the password program {str(path)!r} takes longer than {_SECONDS:g} s", where=where) from None
    if done.returncode or not done.stdout.strip():
        raise InputError(
            f"the password program {str(path)!r} ended with {done.returncode} and gave no password", where=where
        )
    return done.stdout.strip()


def _typed(where: Position) -> bytes:
    import sys
    from getpass import getpass

    if not sys.stdin.isatty():
        raise InputError(
            "--ask-vault-pass asks, and there is no terminal", where=where, hint="--vault-password-file FILE"
        )
    return getpass("Vault password: ").encode()
