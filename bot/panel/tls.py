"""TLS for the panel: trusted certificates, and why a certificate is not trusted.

Opens no connection.
"""

from __future__ import annotations

import ssl
from typing import Literal

from bot.errors import ConfigError

CertificateFault = Literal[
    "self-signed", "private-ca", "unknown-issuer", "expired", "not-yet-valid", "wrong-name", "other"
]

# From OpenSSL's x509_vfy.h; Python has no names for them.
_FAULTS: dict[int, CertificateFault] = {
    2: "unknown-issuer",
    9: "not-yet-valid",
    10: "expired",
    18: "self-signed",
    19: "private-ca",
    20: "unknown-issuer",
    21: "unknown-issuer",
    62: "wrong-name",
    64: "wrong-name",
}


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """A context that trusts the system's CAs and the file: a CA, or the panel's own certificate.

    Raises:
        ConfigError: the file cannot be used.
    """
    context = ssl.create_default_context()
    if ca_file is None:
        return context
    try:
        context.load_verify_locations(cafile=ca_file)
    except OSError as error:  # also ssl.SSLError
        raise ConfigError(
            [f"VMMANAGER_CA_FILE is {ca_file!r}: it cannot be used ({error}); name a PEM file"]
        ) from error
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a certificate in the file needs no CA above it
    return context


def certificate_fault(error: ssl.SSLCertVerificationError) -> CertificateFault:
    return _FAULTS.get(error.verify_code, "other")
