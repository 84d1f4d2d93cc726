"""Signs and verifies hash lists: who released a list, and that no byte of it has changed.

A signature is a small file beside the list: one line of JSON with the digest of the list's bytes,
its name, version and date, signed with Ed25519 (RFC 8032). Only the exact bytes that this module
writes are accepted, so no byte of the signature file can change unnoticed either.

The digest of a compiled list is that of its header, which has the digests of everything else in the
file. The header also has the digest of the original list, but that would prove nothing: anyone who
can write the file can write that too.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hashmatch.errors import HashListError, MissingExtraError, SettingsError
from hashmatch.files import raising, write_atomically
from hashmatch.hashlist.hash_list import HashList

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

SUFFIX = ".sig"
_CONTEXT = b"hashmatch list signature 1\n"
"""Comes before what is signed, so that a signature made for another purpose does not fit."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a signature says about a list.

    Attributes:
        digest: SHA-256, hex, of the list's bytes; of a compiled list, of its header.
        created: when the list was made, if it says.
    """

    digest: str
    name: str
    version: str | None
    created: str | None

    @classmethod
    def of(cls, hash_list: HashList) -> Statement:
        """What a signature of this list must say."""
        digest = hash_list.contents.compiled_digest or hash_list.digest
        return cls(digest, hash_list.name, hash_list.version, hash_list.created)

    def signed_bytes(self) -> bytes:
        """The bytes that the key signs."""
        return _CONTEXT + _json(asdict(self))


def make_keys(private: Path, public: Path) -> None:
    """Generate a pair of keys in PEM. The private one is PKCS #8, with mode 0600.

    Raises:
        SettingsError: one of the files exists.
        OutputError: one cannot be written.
        MissingExtraError: the package that signs is not installed.
    """
    ed25519, serialization = _library()
    for path in (private, public):
        if path.exists():
            raise SettingsError(f"{path} already exists: keys are never overwritten")
    key = ed25519.Ed25519PrivateKey.generate()
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    with write_atomically(private) as stream:
        stream.write(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none))
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    with write_atomically(public) as stream:
        stream.write(key.public_key().public_bytes(pem, spki))


def sign_list(path: Path, key: Path) -> Path:
    """Sign a list, and return the signature's path: the list's plus ``.sig``.

    Raises:
        HashListError: the list cannot be loaded, so it must not be signed.
        SettingsError: the key cannot be read.
        OutputError: the signature cannot be written.
        MissingExtraError: the package that signs is not installed.
    """
    private = _private_key(key)
    statement = Statement.of(HashList.load(path))
    signature = private.sign(statement.signed_bytes())
    signature_path = path.with_name(path.name + SUFFIX)
    with write_atomically(signature_path) as stream:
        stream.write(_file(statement, signature))
    return signature_path


def sign_bytes(data: bytes, key: Path) -> bytes:
    """Sign bytes that are not a list: 64 raw bytes, which ``openssl pkeyutl -verify`` checks.

    Raises:
        SettingsError: the key cannot be read.
        MissingExtraError: the package that signs is not installed.
    """
    return _private_key(key).sign(data)


def verify_list(hash_list: HashList, signature_path: Path, key: Path) -> Statement:
    """Check the signature of a loaded list.

    Raises:
        HashListError: the list is not what the key signed, or the signature cannot be read.
        SettingsError: the key cannot be read.
        MissingExtraError: the package that verifies is not installed.
    """
    public = _public_key(key)
    with raising(HashListError, "the list has no readable signature", signature_path):
        data = signature_path.read_bytes()
    statement, signature = _parse(data, str(signature_path))
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 # an extra

    try:
        public.verify(signature, statement.signed_bytes())
    except InvalidSignature:
        message = "the signature is not by this key, or was changed"
        raise HashListError(message, path=str(signature_path)) from None
    if statement != Statement.of(hash_list):
        message = "the signature is for another list, or the list was changed"
        raise HashListError(message, path=hash_list.source)
    return statement


def _file(statement: Statement, signature: bytes) -> bytes:
    fields = {"hashmatch_signature": 1, **asdict(statement)}
    return _json({**fields, "signature": base64.b64encode(signature).decode()}) + b"\n"


def _parse(data: bytes, path: str) -> tuple[Statement, bytes]:
    try:
        fields: dict[str, Any] = json.loads(data)
        if fields.pop("hashmatch_signature") != 1:
            raise HashListError("the signature has a newer format: update hashmatch", path=path)
        signature = base64.b64decode(fields.pop("signature"), validate=True)
        statement = Statement(**fields)
        same = _file(statement, signature) == data
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise HashListError("this is not a signature of a list", path=path) from None
    if not same:
        raise HashListError("the signature was changed", path=path)
    return statement, signature


def _json(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def _private_key(path: Path) -> Ed25519PrivateKey:
    return cast("Ed25519PrivateKey", _key(path, "private"))


def _public_key(path: Path) -> Ed25519PublicKey:
    return cast("Ed25519PublicKey", _key(path, "public"))


def _key(path: Path, half: str) -> object:
    """Read one half of a pair of keys, ``private`` or ``public``."""
    ed25519, serialization = _library()
    try:
        pem = path.read_bytes()
        if half == "private":
            key = serialization.load_pem_private_key(pem, password=None)
        else:
            key = serialization.load_pem_public_key(pem)
    except OSError as error:
        raise SettingsError(
            f"cannot read the key {path}: {os.strerror(error.errno or 0)}"
        ) from error
    except (ValueError, TypeError):  # without its message, which may quote the key
        raise SettingsError(f"{path} is not a {half} key in PEM, or needs a password") from None
    if not isinstance(key, getattr(ed25519, f"Ed25519{half.title()}Key")):
        raise SettingsError(f"{path} is not an Ed25519 {half} key in PEM")
    return key


def _library() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 # an extra
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 # an extra
    except ImportError:
        raise MissingExtraError("signing or verifying a list", "sign") from None
    return ed25519, serialization
