"""An empty hub with TLS: https on the public port, secure cookies, the node's TLS port, the first administrator made by the one command."""

from __future__ import annotations

import datetime as dt
import json
import re
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pynetdicom import AE

from tests.conftest import ROOT
from tests.running_hub import HEALTH, RunningHub, outside_environment
from tests.worker import take_free_port


def make_certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return files


@pytest.mark.timeout(300)  # a hub of its own
@pytest.mark.clause("H-1", "S-9", "O-11")
def test_https_and_the_first_administrator(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    tls = {"TLS_CERT": str(certificate), "TLS_KEY": str(key)}
    dicom_tls_port = take_free_port()
    settings = {f"{part}_{name}": value for part in ("HUB", "DICOM") for name, value in tls.items()}
    hub = RunningHub(tmp_path / "data", DEMO="0", DICOM_TLS_PORT=str(dicom_tls_port), **settings)
    try:
        hub.wait_ready()
        command = re.search(r"RIS_DATABASE='([^']+)' \S+ -m ris administrator --username (\w+)", hub.said())
        assert command, hub.said()
        made = subprocess.run(
            [sys.executable, "-m", "ris", "administrator", "--username", command[2]],
            cwd=ROOT,
            env=outside_environment() | {"RIS_DATABASE": command[1]},
            input="\n",
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        account = json.loads(made.stdout)
        trusted = ssl.create_default_context(cafile=str(certificate))
        with httpx.Client(base_url=f"https://localhost:{hub.port}", verify=trusted, timeout=20) as client:
            for path in HEALTH:
                assert client.get(path).status_code == 200, path
            answer = hub.try_login(client, account["username"], account["password"])
            assert answer.status_code == 302, answer.text
            assert answer.headers["location"] == "/services/pages/desk/statistics"
            cookies = answer.headers.get_list("set-cookie")
            assert {cookie.split("=")[0] for cookie in cookies} >= {"hub-ticket", "jupyterhub-hub-login"}
            assert all("Secure" in cookie.split("; ") for cookie in cookies), cookies
            assert "max-age=" in answer.headers["strict-transport-security"]
            write = client.put("/services/ris/api/v1/me/preferences", json={}, headers={"Origin": f"https://localhost:{hub.port}"})
            assert write.status_code < 300, write.text
        (hub.data_dir / "devices.json").write_text(json.dumps([{"aet": "CT_TLS", "institution": "H01", "may": ["echo"]}]))
        device = AE("CT_TLS")
        device.add_requested_context("1.2.840.10008.1.1")
        for port, secured in ((dicom_tls_port, (trusted, "localhost")), (hub.dicom_port, None)):
            association = device.associate("127.0.0.1", port, ae_title="HUB", tls_args=secured)
            assert association.send_c_echo().Status == 0
            association.release()
        assert not device.associate("127.0.0.1", dicom_tls_port, ae_title="HUB").is_established, "the TLS port speaks without TLS"
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{hub.port}/hub/health", timeout=5)
    finally:
        hub.close()
