"""Writes a certificate for `localhost` and its key into two files."""

import datetime
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

certificate_file, key_file = sys.argv[1:]
now = datetime.datetime.now(datetime.timezone.utc)


def certificate(name, issuer, key, signer, extensions):
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(signer, hashes.SHA256())


def named(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
authority = certificate(
    named("test authority"),
    named("test authority"),
    authority_key,
    authority_key,
    [x509.BasicConstraints(ca=True, path_length=None)],
)
leaf = certificate(
    named("localhost"),
    named("test authority"),
    key,
    authority_key,
    [
        x509.BasicConstraints(ca=False, path_length=None),
        x509.SubjectAlternativeName([x509.DNSName("localhost")]),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
    ],
)
pem = serialization.Encoding.PEM
with open(certificate_file, "wb") as file:
    file.write(leaf.public_bytes(pem) + authority.public_bytes(pem))
with open(key_file, "wb") as file:
    file.write(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
