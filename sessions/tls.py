"""TLS contexts for both roles, and whom a client certificate names. TLS 1.2 is the least."""

import ssl
from pathlib import Path
from typing import Any


def server_context(
    certificate: str | Path, key: str | Path, *, client_ca: str | Path | None = None, key_password: str | None = None
) -> ssl.SSLContext:
    """For an acceptor. With `client_ca` the client must present a certificate signed by it (mutual TLS)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key, key_password)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(
    *,
    ca: str | Path | None = None,
    certificate: str | Path | None = None,
    key: str | Path | None = None,
    key_password: str | None = None,
) -> ssl.SSLContext:
    """For an initiator: the acceptor's certificate is verified by `ca` or the system's, and its host name."""
    context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        context.load_cert_chain(certificate, key, key_password)
    return context


def certificate_names(certificate: dict[str, Any] | None) -> set[str]:
    """Common name and subject alternative names of a verified peer certificate, as `getpeercert` gives it."""
    if not certificate:
        return set()
    names = {value for rdn in certificate.get("subject", ()) for key, value in rdn if key == "commonName"}
    return names | {value for _, value in certificate.get("subjectAltName", ())}
