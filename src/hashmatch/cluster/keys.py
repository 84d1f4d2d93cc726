"""Keys and certificates for a cluster: a CA that signs one certificate for each role.

Whoever has a certificate of this CA may talk to the cluster, and nobody else. Dask checks that, and
not the names of hosts.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hashmatch.errors import MissingExtraError, SettingsError
from hashmatch.files import write_new

ROLES = ("scheduler", "worker", "coordinator")
CA = "ca.pem"

_MOST_DAYS = 36_500


def certificate_of(folder: Path, role: str) -> tuple[Path, Path]:
    """The certificate and the key of a role."""
    return folder / f"{role}.pem", folder / f"{role}-key.pem"


def make_keys(folder: Path, days: int) -> list[Path]:
    """Make a CA, and for each role a certificate with its key, all valid for ``days`` days.

    The CA's own key is thrown away, so no further certificate can be made: to replace one, make all
    of them anew. The folder is made with mode 0700 if need be.

    Raises:
        SettingsError: the days are not from 1 to 36,500.
        MissingExtraError: the package is missing.
        OutputError: a file exists already, or cannot be written.
    """
    if not 1 <= days <= _MOST_DAYS:
        raise SettingsError(f"keys are valid for 1 to {_MOST_DAYS:,} days")
    files = _make(folder, timedelta(days=days))
    write_new(files)
    return list(files)


def _make(folder: Path, valid: timedelta) -> dict[Path, bytes]:
    try:
        from cryptography import x509  # noqa: PLC0415 # an extra
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 # likewise
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 # likewise
        from cryptography.x509.oid import NameOID  # noqa: PLC0415 # likewise
    except ImportError as error:
        raise MissingExtraError("a cluster", "cluster") from error
    begin = datetime.now(UTC) - timedelta(minutes=5)  # clocks differ

    def certificate(role: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(role))
            .issuer_name(name("ca"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + valid)
            .add_extension(x509.BasicConstraints(ca=role == "ca", path_length=None), critical=True)
        )

    def name(role: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"hashmatch {role}")])

    authority = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    files = {
        folder / CA: certificate("ca", authority).sign(authority, hashes.SHA256()).public_bytes(pem)
    }
    for role in ROLES:
        key = ec.generate_private_key(ec.SECP256R1())
        signed = certificate(role, key).sign(authority, hashes.SHA256())
        public, private = certificate_of(folder, role)
        files[public] = signed.public_bytes(pem)
        files[private] = key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    return files
