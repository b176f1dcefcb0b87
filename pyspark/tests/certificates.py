"""Certificates of servers on this machine, and an authority that signs them and that only tests trust."""

from __future__ import annotations

import subprocess
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")

# Trust stores want one, and this one protects nothing.
_PASSWORD = "nothing-worth-hiding"


def make_authority(folder: Path) -> Path:
    """An authority, whose certificate is returned."""
    _run(folder, "openssl", "req", "-x509", *_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test CA")
    return folder / "ca.pem"


def sign(folder: Path, name: str, *, at: str = "IP:127.0.0.1", days: int = 30) -> tuple[Path, Path]:
    """A certificate that the authority in the folder has signed, for whoever is at that address, and its key."""
    _run(folder, "openssl", "req", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    (folder / "extensions").write_text(f"subjectAltName={at}\n")
    by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-extfile", "extensions", "-days", str(days))
    _run(folder, "openssl", "x509", "-req", "-in", f"{name}.csr", *by, "-out", f"{name}.pem")
    return folder / f"{name}.pem", folder / f"{name}.key"


def java_trusts(folder: Path) -> dict[str, str]:
    """Properties of a JVM that trusts the authority in the folder, and no other."""
    kept = ("-keystore", "trusted.p12", "-storetype", "PKCS12", "-storepass", _PASSWORD)
    _run(folder, "keytool", "-importcert", "-noprompt", "-alias", "tests", "-file", "ca.pem", *kept)
    return {
        "javax.net.ssl.trustStore": str(folder / "trusted.p12"),
        "javax.net.ssl.trustStorePassword": _PASSWORD,
    }


def _run(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
