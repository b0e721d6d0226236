"""TLS of the DICOM ports and of the associations that the node opens (PS3.15 B.9, the BCP 195 profile), and who stands at the other end."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

from dicom_node.receive.devices import PeerCertificate
from dicom_node.receive.sockets import BufferedSocket
from dicom_node.settings import Settings, SettingsError


def server_context(settings: Settings) -> ssl.SSLContext | None:
    """TLS 1.2 or later with the node's certificate; None when no TLS port is set. SettingsError: the files cannot be used."""
    if not settings.dicom_tls_port:
        return None
    certificate, key = settings.tls_cert, settings.tls_key
    if certificate is None or key is None:
        raise SettingsError("dicom_tls_port 需要 tls_cert 和 tls_key | NODE_DICOM_TLS_PORT needs NODE_TLS_CERT and NODE_TLS_KEY")
    for name, path in (("NODE_TLS_CERT", certificate), ("NODE_TLS_KEY", key), ("NODE_TLS_CA", settings.tls_ca)):
        if path is not None:
            _readable(name, path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _by_profile(context)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    _load_own(context, certificate, key)
    if settings.tls_ca is not None:
        _load_authorities(context, settings.tls_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(settings: Settings, *, verify_host: bool = True) -> ClientContext:
    """For one association that the node opens; the peer must show a certificate of `tls_ca`. SettingsError: the files cannot be used."""
    if settings.tls_ca is None:
        raise SettingsError("以 TLS 连接设备需要 tls_ca | NODE_TLS_CA is needed to call a device over TLS")
    for name, path in (("NODE_TLS_CA", settings.tls_ca), ("NODE_TLS_CERT", settings.tls_cert), ("NODE_TLS_KEY", settings.tls_key)):
        if path is not None:
            _readable(name, path)
    context = ClientContext(ssl.PROTOCOL_TLS_CLIENT)
    _by_profile(context)
    context.check_hostname = verify_host
    _load_authorities(context, settings.tls_ca)
    if settings.tls_cert is not None and settings.tls_key is not None:
        _load_own(context, settings.tls_cert, settings.tls_key)
    context.sslsocket_class = _CallingSocket
    return context


class ClientContext(ssl.SSLContext):
    """A client's context that remembers why its handshake failed."""

    fault: str | None = None


class _CallingSocket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        """As ever; pynetdicom, in whose hands the socket is, does not hand on why it failed."""
        try:
            super().do_handshake(block)
        except OSError as error:
            if isinstance(self.context, ClientContext):
                broken = "the peer broke the handshake off: does it speak TLS?"
                self.context.fault = getattr(error, "verify_message", None) or getattr(error, "reason", None) or broken
            raise


def _by_profile(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM")


def _load_own(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        why = "不匹配或不是 PEM" if error.reason != "KEY_VALUES_MISMATCH" else "不匹配"
        raise SettingsError(
            f"证书 {certificate} 与私钥 {key} {why} | NODE_TLS_CERT and NODE_TLS_KEY do not belong together or are not PEM ({error.reason})"
        ) from error


def _load_authorities(context: ssl.SSLContext, path: Path) -> None:
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise SettingsError(f"{path} 中没有 CA 证书 | NODE_TLS_CA holds no certificate (PEM)") from error


def _readable(name: str, path: Path) -> None:
    try:
        with path.open("rb"):
            return
    except OSError as error:
        raise SettingsError(f"无法读取 {path} ({name}) | {name} cannot be read: {error.strerror}") from error


def _no_password() -> str:
    raise SettingsError("NODE_TLS_KEY 有口令, 节点无法自行输入 | NODE_TLS_KEY has a password: use a key file without one")


def peer_certificate(client: ssl.SSLSocket) -> PeerCertificate | None:
    """The certificate that the client has shown and the node has checked."""
    shown = client.getpeercert(binary_form=True)
    fields = client.getpeercert()
    if not shown or not fields:
        return None
    subject = dict(pair for part in fields.get("subject", ()) for pair in part)  # type: ignore[misc]
    return PeerCertificate(hashlib.sha256(shown).hexdigest(), str(subject.get("commonName", "")))


class TLSSocket(BufferedSocket):
    """A buffered socket over TLS: bytes on the wire are not yet data, and data may wait where `poll` does not see it."""

    def wait(self, milliseconds: int) -> bool:
        """As without TLS; only decrypted bytes, or the end, count."""
        client = self.socket
        if not isinstance(client, ssl.SSLSocket):
            return False
        if not client.pending() and not super().wait(milliseconds):
            return False
        if self.hi == self.size and self.lo < self.hi:
            return True
        if self.lo == self.hi:
            self.lo = self.hi = 0
        # a record that is not whole yet, or holds no data (key update), must not hold up what the node wants to send
        timeout = client.gettimeout()
        client.settimeout(0)
        try:
            self.hi += client.recv_into(self.view[self.hi :])
        except ssl.SSLWantReadError:
            return False
        except OSError:
            return True  # whoever reads next gets the same error and ends the association
        finally:
            client.settimeout(timeout)
        return True
