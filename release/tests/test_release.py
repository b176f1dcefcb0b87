"""What a release refuses to ship, on libraries made here by the C compiler, and what its jar holds."""

from __future__ import annotations

import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

RELEASE = Path(__file__).resolve().parents[1]
HERE = platform.machine()
OTHER = {"x86_64": "aarch64", "aarch64": "x86_64"}[HERE]
OLD = 'int puts(const char *); int f(void) { return puts(""); }'
NEW = 'int memfd_create(const char *, unsigned); int f(void) { return memfd_create("", 0); }'


def run(script: str, *args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(RELEASE / script), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def library(folder: Path, source: str, *flags: str) -> Path:
    (folder / "f.c").write_text(source)
    file = folder / "libf.so"
    subprocess.run(["cc", "-shared", "-fPIC", str(folder / "f.c"), "-o", str(file), *flags], check=True)
    return file


def test_a_library_for_an_old_glibc_passes_and_what_it_needs_is_said(tmp_path: Path) -> None:
    done = run("check.py", "--glibc", "2.17", f"linux-{HERE}={library(tmp_path, OLD)}")
    assert done.returncode == 0, done.stdout
    assert ": needs GLIBC_2." in done.stdout


@pytest.mark.parametrize(
    ("source", "flags", "arch", "said"),
    [
        pytest.param(NEW, [], HERE, "it needs GLIBC_2.27", id="newer glibc"),
        pytest.param(OLD, [], OTHER, "it is for ", id="another processor"),
        pytest.param(OLD, ["-Wl,--no-as-needed", "-lgcc_s"], HERE, "it needs the library libgcc_s.so.1", id="library"),
        pytest.param("int x;", ["-nostdlib"], HERE, "it names no version of glibc", id="no glibc"),
    ],
)
def test_a_library_that_would_not_load_everywhere_fails(
    tmp_path: Path, source: str, flags: list[str], arch: str, said: str
) -> None:
    good = library(tmp_path, OLD).rename(tmp_path / "good.so")
    bad = library(tmp_path, source, *flags)
    done = run("check.py", "--glibc", "2.17", f"linux-{arch}={bad}", f"linux-{HERE}={good}")
    assert done.returncode == 1
    assert said in done.stdout


def test_a_library_that_is_not_there_or_is_none_fails(tmp_path: Path) -> None:
    (tmp_path / "text.so").write_text("no library")
    for file in [tmp_path / "absent.so", tmp_path / "text.so"]:
        done = run("check.py", "--glibc", "2.17", f"linux-{HERE}={file}")
        assert done.returncode == 1
        assert str(file) in done.stdout


def test_the_jar_has_the_given_libraries_in_place_of_its_own_and_the_same_bytes_again(tmp_path: Path) -> None:
    built = tmp_path / "built.jar"
    with zipfile.ZipFile(built, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "first")
        jar.writestr("dev/downbeat/native/linux-x86_64/libdownbeat_jni.so", "the machine's own")
        jar.writestr("dev/downbeat/spark/A.class", "class")
    jars = []
    for time in ["once", "again"]:
        libraries = []
        for arch in ["x86_64", "aarch64"]:
            file = tmp_path / time / arch / "libdownbeat_jni.so"
            file.parent.mkdir(parents=True)
            file.write_text(arch)
            libraries.append(f"linux-{arch}={file}")
        jars.append(tmp_path / time / "release.jar")
        assert run("pack.py", built, jars[-1], *libraries).returncode == 0
    with zipfile.ZipFile(jars[0]) as jar:
        assert {name: jar.read(name) for name in jar.namelist()} == {
            "META-INF/MANIFEST.MF": b"first",
            "dev/downbeat/spark/A.class": b"class",
            "dev/downbeat/native/linux-aarch64/libdownbeat_jni.so": b"aarch64",
            "dev/downbeat/native/linux-x86_64/libdownbeat_jni.so": b"x86_64",
        }
        assert jar.namelist()[0] == "META-INF/MANIFEST.MF"
    assert jars[0].read_bytes() == jars[1].read_bytes()
