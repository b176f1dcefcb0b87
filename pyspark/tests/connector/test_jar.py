"""The jar holds our classes, what we relocated and the native library, and nothing of anybody else's."""

from __future__ import annotations

import re
import zipfile

from downbeat_spark import session

ALLOWED = re.compile(
    r"META-INF/(MANIFEST\.MF|LICENSE.*|maven/dev\.downbeat/.*|services/org\.apache\.spark\.sql\.sources\.DataSourceRegister)"
    r"|dev/downbeat/spark/(|functions/|jni/|plan/|source/)[^/]*\.class"
    r"|dev/downbeat/spark/proto/(contract|flight)/[^/]*\.class"
    r"|dev/downbeat/spark/shaded/protobuf/.*\.class"
    r"|dev/downbeat/native/[a-z]+-[a-z0-9_]+/libdownbeat_jni\.so"
    r"|error/downbeat-error-conditions\.json"
)


def test_the_jar_holds_what_is_allowed_and_a_library() -> None:
    with zipfile.ZipFile(session.CONNECTOR) as jar:
        names = [name for name in jar.namelist() if not name.endswith("/")]
    assert [name for name in names if not ALLOWED.fullmatch(name)] == []
    assert [name for name in names if name.endswith(".so")] == ["dev/downbeat/native/linux-x86_64/libdownbeat_jni.so"]
