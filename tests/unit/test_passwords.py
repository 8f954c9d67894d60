"""A password becomes the verifier that PostgreSQL itself would keep (RFC 5802, RFC 7677)."""

from __future__ import annotations

import base64

from wgm_play.passwords import fits, verifier

# RFC 7677, section 3: user "user", password "pencil".
SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")


def test_verifier_signs_what_the_rfc_signs() -> None:
    import hashlib
    import hmac

    made = verifier("pencil", SALT, 4096)
    server_key = base64.b64decode(made.rpartition(":")[2])
    said = (
        "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    signed = hmac.digest(server_key, said.encode(), hashlib.sha256)
    assert base64.b64encode(signed).decode() == "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_only_the_password_itself_fits() -> None:
    made = verifier("correct horse")
    assert fits(made, "correct horse")
    assert not fits(made, "correct house")
    assert not fits("md5d8578edf8458ce06fbc5bb76a58c5ca4", "correct horse")
    assert not fits("", "correct horse")
