"""Fetch the platform's command line into .cache/databricks, if its checksum is the pinned one. Needs Python alone.

Usage: ``python scripts/platform_cli.py``. Nothing in the tests needs it. To renew it, write the version and the
checksums of its release page here; BOATHOUSE_CLI_URL names a mirror of the release page.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import sys
import urllib.request
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".cache" / "databricks"
VERSION = "1.9.0"
# SHA-256 of databricks_cli_<version>_<system>.zip, as the vendor publishes them.
CHECKSUMS = {
    "linux_amd64": "10938da31db7f89e6e90f6be41d340e3387231e5da5125cfc97ecb8cb66f6394",
    "linux_arm64": "a4fcc3b70ed4b26f0e8064e39287d0692218cf3d2f549042d66d04c9ad2d692a",
    "darwin_amd64": "488f039954fd820bb9ad5fa94cd37a45e08607d3c22b22cfe8aeb982bc1aa063",
    "darwin_arm64": "4a955804994764ef68f76563ec4aaf966cf0ab14175d1a10768e41c9be016551",
}
RELEASES = "https://github.com/databricks/cli/releases/download"
MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
TIMEOUT_S = 120


def main() -> None:
    """Fetch it, unless this version is there."""
    try:
        print(install(FOLDER, os.environ.get("BOATHOUSE_CLI_URL") or RELEASES, find_system()))
    except (OSError, ValueError) as error:
        sys.exit(f"The platform's command line was not installed: {error}")


def find_system() -> str:
    """Return the name of this system in the release's files, such as ``linux_amd64``."""
    return f"{platform.system().lower()}_{MACHINES.get(platform.machine().lower(), platform.machine())}"


def install(folder: Path, releases: str, system: str) -> str:
    """Put the program into ``folder``; return what was done.

    Raises:
        ValueError: If there is no checksum for ``system``, or what was fetched has another one.
        OSError: If it cannot be fetched or written.
    """
    expected = CHECKSUMS.get(system)
    if expected is None:
        raise ValueError(f"no checksum for '{system}'; there are: {', '.join(CHECKSUMS)}.")
    stamp = folder / "installed"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == expected:
        return f"databricks {VERSION} is in {folder}"
    url = f"{releases}/v{VERSION}/databricks_cli_{VERSION}_{system}.zip"
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - checked below, whatever it is
        content = answer.read()
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise ValueError(f"{url} has the SHA-256 {found}, expected {expected} (scripts/platform_cli.py).")
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "databricks"
    program.write_bytes(zipfile.ZipFile(io.BytesIO(content)).read("databricks"))
    program.chmod(0o755)
    stamp.write_text(expected, encoding="utf-8")
    return f"databricks {VERSION} installed in {folder}"


if __name__ == "__main__":
    main()
