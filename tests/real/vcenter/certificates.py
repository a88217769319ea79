"""Certificates for a server on loopback: an authority, what it signed, and a stranger's."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Certificates:
    """Paths of PEM files."""

    authority: Path
    certificate: Path
    key: Path
    stranger: Path
    """Of another authority, with the same name."""
    sibling: Path
    """For the same address and by the same authority, but another one."""


def make_certificates(folder: Path, address: str) -> Certificates:
    """New ones for a server on that address."""
    folder.mkdir(parents=True, exist_ok=True)
    key, certificate = _authority()
    found = Certificates(
        **{
            name: folder / f"{name}.pem"
            for name in ("authority", "certificate", "key", "stranger", "sibling")
        }
    )
    found.authority.write_bytes(_pem(certificate))
    found.stranger.write_bytes(_pem(_authority()[1]))
    for path in (found.sibling, found.certificate):
        own = ec.generate_private_key(ec.SECP256R1())
        path.write_bytes(_pem(_server(own, address, key)))
    found.key.write_bytes(
        own.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return found


def _authority() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder("authority", key).issuer_name(_name("authority"))
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    extended = builder.add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    ).add_extension(usage, critical=True)
    return key, extended.sign(key, hashes.SHA256())


def _server(
    key: ec.EllipticCurvePrivateKey, address: str, authority: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    builder = _builder("vcenter", key).issuer_name(_name("authority"))
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    extended = builder.add_extension(names, critical=False)
    return extended.add_extension(identifier, critical=False).sign(authority, hashes.SHA256())


def _builder(name: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + 30 * _DAY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
