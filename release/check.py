"""Refuses a library that would not load where the release says it does.

    python release/check.py --glibc 2.17 linux-x86_64=FILE linux-aarch64=FILE

It has to be for the processor its platform names, need no symbol of a newer glibc, and need no library beside glibc's own.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys

MACHINES = {"x86_64": "Advanced Micro Devices X86-64", "aarch64": "AArch64"}
# Since glibc 2.34 all but libm and the loader are empty, but an older one wants them named. Nothing else is on every Linux.
GLIBC = re.compile(r"lib(c|m|pthread|dl|rt|util)\.so\.\d+|ld-linux-.*\.so\.\d+")


def faults(elf: str, arch: str, newest: str) -> list[str]:
    """What is wrong with a library, given what `readelf` says of it.

    `arch` is what it should be for, `newest` the version of glibc that it may need at most, as in 2.17.
    """
    found = []
    machine = re.search(r"^ *Machine: +(.*)$", elf, re.MULTILINE)
    if machine is None or machine[1] != MACHINES[arch]:
        found.append(f"it is for {machine[1] if machine else 'no machine'}, not for {MACHINES[arch]}")
    versions = needed(elf)
    if not versions:
        found.append("it names no version of glibc: is it linked with another C library?")
    found += [f"it needs {each}" for each in versions if not _at_most(each, newest)]
    libraries = re.findall(r"\(NEEDED\) +Shared library: \[(.*)\]", elf)
    found += [f"it needs the library {each}" for each in libraries if not GLIBC.fullmatch(each)]
    return found


def needed(elf: str) -> list[str]:
    """The versions of glibc's symbols that a library needs, oldest first."""
    versions = set(re.findall(r"Name: (GLIBC_\S+) +Flags: ", elf))
    return sorted(versions, key=lambda each: [int(part) for part in re.findall(r"\d+", each)])


def _at_most(version: str, newest: str) -> bool:
    """False for GLIBC_PRIVATE and its like too: they are no versions."""
    numbers = re.fullmatch(r"GLIBC_([\d.]+)", version)
    return numbers is not None and _numbers(numbers[1]) <= _numbers(newest)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def main() -> None:
    """Print a line for each library, and fail if one has a fault."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--glibc", required=True, help="the newest version that a library may need")
    parser.add_argument("libraries", nargs="+", metavar="PLATFORM=FILE")
    args = parser.parse_args()
    wrong = False
    for platform, file in (each.split("=", 1) for each in args.libraries):
        elf = subprocess.run(
            ["readelf", "--wide", "--file-header", "--dynamic", "--version-info", file],
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
        )
        arch = platform.removeprefix("linux-")
        found = [elf.stderr.strip()] if elf.returncode != 0 else faults(elf.stdout, arch, args.glibc)
        wrong |= bool(found)
        verdict = "; ".join(found) if found else f"needs {needed(elf.stdout)[-1]}, at most {args.glibc} is allowed"
        sys.stdout.write(f"{platform}: {file}: {verdict}\n")
    sys.exit(wrong)


if __name__ == "__main__":
    main()
