"""Encrypts what is written into a quarantine. This machine need not be able to decrypt it.

The format is age's (https://age-encryption.org/v1), so that ``age --decrypt`` opens it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

from hashmatch.errors import MissingExtraError, OutputError, SettingsError


class Seal:
    """Encrypts files to public keys, such as ``age1...``; the private key of any one decrypts them.

    Raises:
        MissingExtraError: the extra ``age`` is not installed.
        SettingsError: one is not a public key.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            import pyrage  # noqa: PLC0415 # an extra
        except ModuleNotFoundError as error:
            raise MissingExtraError("encrypting held uploads", "age") from error
        self._pyrage: Any = pyrage
        try:
            self._recipients = [pyrage.x25519.Recipient.from_str(key) for key in keys]
        except pyrage.RecipientError as error:
            raise SettingsError("not an age public key: these begin with age1") from error

    def encrypt(self, source: BinaryIO, target: BinaryIO) -> None:
        """Encrypt a file from its start, or raise ``OutputError`` if there is no memory for it."""
        try:
            source.seek(0)
            self._pyrage.encrypt_io(source, target, self._recipients)
        except (OSError, self._pyrage.EncryptError) as error:
            raise OutputError("an upload cannot be encrypted") from error
