"""The venue's own certificate authority: a trust root to hand out, and a certificate it signed."""

from __future__ import annotations

import datetime
import ipaddress
import os
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from twisted.internet.ssl import CertificateOptions, PrivateCertificate

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")
"""The names every certificate holds."""

_DAY: Final = datetime.timedelta(days=1)
_CA_BEGINS: Final = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_CA_ENDS: Final = datetime.datetime(2050, 1, 1, tzinfo=datetime.UTC)
_CA_FILE: Final = "ca.pem"
_CA_KEY_FILE: Final = "ca-key.pem"


class Authority:
    """A certificate authority, in memory or kept in a directory.

    :ivar trust_root_pem: its certificate: what a client is to trust.
    """

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self._certificate = certificate
        self.trust_root_pem: str = certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")

    @classmethod
    def create(cls) -> Authority:
        """Make a new one, good until 2050."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ctrader_twisted simulated venue")])
        certificate = (
            _builder(name, name, key.public_key(), _CA_BEGINS, _CA_ENDS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

    @classmethod
    def kept_in(cls, directory: Path) -> Authority:
        """Give the one that is kept in a directory; make it if there is none. Only its owner can read the key's file.

        :raises ValueError: if what is there is not a certificate and its key.
        """
        ca_file, key_file = directory / _CA_FILE, directory / _CA_KEY_FILE
        if ca_file.exists() and key_file.exists():
            certificate = x509.load_pem_x509_certificate(ca_file.read_bytes())
            key = serialization.load_pem_private_key(key_file.read_bytes(), None)
            if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
                raise ValueError(f"{key_file} is not the key of {ca_file}")
            return cls(key, certificate)
        authority = cls.create()
        directory.mkdir(parents=True, exist_ok=True)
        _write_private(key_file, _key_pem(authority._key))
        ca_file.write_text(authority.trust_root_pem, encoding="ascii")
        return authority

    def options(self, now: float, names: Iterable[str] = ()) -> CertificateOptions:
        """Give what a server needs to speak TLS under these names and `LOCAL_NAMES`.

        :param now: seconds since the epoch.
        """
        options: CertificateOptions = self.certificate(now, names).options()
        return options

    def certificate(self, now: float, names: Iterable[str] = ()) -> PrivateCertificate:
        """Sign a certificate for these names and `LOCAL_NAMES`, good for a year, and give it with its key."""
        everything = tuple(dict.fromkeys((*names, *LOCAL_NAMES)))
        today = datetime.datetime.fromtimestamp(int(now), datetime.UTC)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, everything[0][:64])])
        certificate = (
            _builder(subject, self._certificate.subject, key.public_key(), today - _DAY, today + 365 * _DAY)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in everything]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM) + _key_pem(key)
        loaded: PrivateCertificate = PrivateCertificate.loadPEM(pem)
        return loaded


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    begins: datetime.datetime,
    ends: datetime.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_private(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
