"""Makes the jar of a release: another jar's content, with the libraries of all platforms in place of that machine's own.

    python release/pack.py FROM.jar TO.jar linux-x86_64=FILE linux-aarch64=FILE

The same content gives the same bytes.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

FOLDER = "dev/downbeat/native/"


def pack(built: Path, packed: Path, libraries: dict[str, Path]) -> None:
    """Write `packed` from `built` and one library a platform."""
    packed.parent.mkdir(parents=True, exist_ok=True)
    part = packed.with_suffix(".part")
    with zipfile.ZipFile(built) as source, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as target:
        entries = source.infolist()
        for entry in entries:
            if not entry.filename.startswith(FOLDER):
                target.writestr(entry, source.read(entry))
        for platform, library in sorted(libraries.items()):
            # Dated as the build dates all that is in its jar, not as the file is.
            entry = zipfile.ZipInfo(f"{FOLDER}{platform}/{library.name}", entries[0].date_time)
            entry.external_attr = 0o644 << 16
            target.writestr(entry, library.read_bytes(), zipfile.ZIP_DEFLATED)
    part.replace(packed)


if __name__ == "__main__":
    pack(
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        {platform: Path(file) for platform, file in (each.split("=", 1) for each in sys.argv[3:])},
    )
