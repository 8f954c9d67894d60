"""What ansible-vault has encrypted is read as it is; a password that is missing or wrong is told; nothing of it is shown."""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

import psycopg
import pytest

pytest.importorskip("cryptography")

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from real_command import Command

PASSWORD = "correct horse"
PLAY = """\
- name: Shop
  hosts: shop
  vars_files: [secrets.yml]
  vars:
    word: !vault |
{word}
  steps:
    - name: Words
      table:
        name: words
        columns: {{id: {{type: bigint, primary_key: true}}, word: {{type: text, default: "'{{{{ word }}}}'"}}, port: integer}}
    - name: A word and a port
      seed: {{table: words, key: [id], rows: [{{id: 1, word: "{{{{ keys.inner }}}}", port: "{{{{ port }}}}"}}]}}
"""

# Made by ansible-vault with this password: a file of two variables, and a value with the label "dev".
WHOLE = """\
$ANSIBLE_VAULT;1.1;AES256
33636632356463663865623330346462616436623038333235313462366261643139313766653934
6533303439313237643166656262396332663465616132360a613434316666313537633763343439
64613034363665653437663137623235643630613831393364353761363061313562356230396366
3231343131616434340a333932396137626663633266336564643031633138613461306335393964
65323838386664326564636263663762336435393130363733366338323335643763353332616134
6639653839333264663737613538613835353638313830303165
"""
LABELLED = """\
$ANSIBLE_VAULT;1.2;AES256;dev
39353263313239343465393765383731666631323266663235386635643031333531666330353132
3630613265633063363730306535363961333865333230620a393837623834323933646332666230
61646237636435363130353335313338396138646331303230336439643835306364306130363765
6630653030386564610a636436616335623934643937393637646534653534653062393861373531
3666
"""


def encrypted(text: str, label: str = "") -> str:
    """Return a text as ansible-vault writes it."""
    salt = os.urandom(32)
    key = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt, 10_000, 80)
    data = text.encode()
    data += bytes([16 - len(data) % 16]) * (16 - len(data) % 16)
    cipher = Cipher(algorithms.AES(key[:32]), modes.CTR(key[64:])).encryptor()
    sealed = cipher.update(data) + cipher.finalize()
    digest = hmac.new(key[32:64], sealed, hashlib.sha256).hexdigest()
    whole = b"\n".join((salt.hex().encode(), digest.encode(), sealed.hex().encode())).hex()
    lines = [whole[at : at + 80] for at in range(0, len(whole), 80)]
    return "\n".join([f"$ANSIBLE_VAULT;1.2;AES256;{label}" if label else "$ANSIBLE_VAULT;1.1;AES256", *lines]) + "\n"


def indented(text: str) -> str:
    return "\n".join(f"      {line}" for line in text.splitlines())


@pytest.fixture
def shop(wgm: Command, tmp_path: Path, database_url: str) -> Command:
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "shop.yml").write_text(f"url: {database_url}\n")
    (tmp_path / "shop.yml").write_text(PLAY.format(word=indented(encrypted("tell no one 99", "dev"))))
    (tmp_path / "secrets.yml").write_text(encrypted("keys: {inner: open sesame 4711}\nport: 5433\n"))
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    (tmp_path / "program").write_text(f"#!/bin/sh\necho '{PASSWORD}'\n")
    (tmp_path / "program").chmod(0o700)
    (tmp_path / "other").write_text("wrong\n")
    return wgm


@pytest.mark.parametrize(
    ("words", "env"),
    [
        (("--vault-password-file", "password"), {}),
        (("--vault-password-file", "./program"), {}),
        ((), {"ANSIBLE_VAULT_PASSWORD_FILE": "password"}),
    ],
)
def test_encrypted_values_and_files_are_read_and_not_shown(
    shop: Command, tmp_path: Path, database_url: str, words: tuple[str, ...], env: dict[str, str]
) -> None:
    shown = shop("shop.yml", "--check", "--diff", *words, env={**env, "XDG_CACHE_HOME": str(tmp_path / "cache")})
    done = shop("shop.yml", "-vv", *words, env={**env, "XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert done.returncode == 0, done.stderr
    again = shop("shop.yml", *words, env={**env, "XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert "changed=0" in again.stdout
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select word, port from words").fetchall() == [("open sesame 4711", 5433)]
        assert connection.execute("insert into words (id) values (2) returning word").fetchone() == ("tell no one 99",)
        told = connection.execute("select string_agg(s.sql, ' ') from wgm.statement s").fetchone()
    cached = b"".join(path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file())
    for secret in ("sesame 4711", "no one 99", PASSWORD):
        assert secret not in shown.stdout + shown.stderr + done.stdout + done.stderr + str(told)
    assert b"sesame 4711" not in cached and PASSWORD.encode() not in cached


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "this is encrypted, and no password is given"),
        (("--vault-password-file", "other"), "the vault's password does not open it"),
        (("--vault-password-file", "nowhere"), "the vault's password file 'nowhere' cannot be read"),
        (("--ask-vault-pass",), "--ask-vault-pass asks, and there is no terminal"),
    ],
)
def test_a_password_that_is_missing_or_wrong_is_told_at_the_line(
    shop: Command, words: tuple[str, ...], message: str
) -> None:
    done = shop("shop.yml", "--check", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert "shop.yml:5:11" in done.stderr
    assert "ANSIBLE_VAULT_PASSWORD_FILE" in done.stderr or words


def test_what_asks_no_database_asks_for_no_password(shop: Command, tmp_path: Path) -> None:
    done = shop("shop.yml", "--syntax-check")
    assert done.returncode == 1 and "encrypted as a whole, and the names in it are needed" in done.stderr
    (tmp_path / "secrets.yml").write_text(
        f"port: 1\nkeys:\n  inner: !vault |\n{indented(encrypted('open sesame 4711'))}\n"
    )
    for words in (("shop.yml", "--syntax-check"), ("shop.yml", "--list-steps"), ("lint", "shop.yml")):
        done = shop(*words)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_damaged_vault_and_an_unknown_one_are_told(shop: Command, tmp_path: Path) -> None:
    good = (tmp_path / "secrets.yml").read_text()
    for bad, message in (
        (good.replace("1.1", "9.9"), "is no vault that is known"),
        (good[:-20] + "zz\n", "the encrypted value is damaged"),
        (encrypted("keys: {open sesame 4711: [\n"), "what is encrypted is no YAML that is known"),
    ):
        (tmp_path / "secrets.yml").write_text(bad)
        done = shop("shop.yml", "--check", "--vault-password-file", "password")
        assert (done.returncode, message in done.stderr) == (1, True), done.stderr
        assert "secrets.yml:1:1" in done.stderr and "sesame" not in done.stderr


def test_what_ansible_vault_itself_wrote_is_read(shop: Command, tmp_path: Path, database_url: str) -> None:
    (tmp_path / "secrets.yml").write_text(WHOLE)
    (tmp_path / "shop.yml").write_text(PLAY.format(word=indented(LABELLED)).replace("keys.inner", "db_password"))
    done = shop("shop.yml", "--vault-password-file", "password")
    assert done.returncode == 0, done.stderr
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select word, port from words").fetchall() == [("sesame 4711", 5433)]
        assert connection.execute("insert into words (id) values (2) returning word").fetchone() == ("labelled 77",)


def test_an_untrusted_playbook_is_not_decrypted(shop: Command, tmp_path: Path) -> None:
    done = shop(
        "shop.yml", "--check", "--untrusted", "-i", str(tmp_path / "environments"), "--vault-password-file", "password"
    )
    assert done.returncode == 1
    assert "horse" not in done.stderr and "no one 99" not in done.stderr
