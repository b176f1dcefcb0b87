"""What of a query runs in native code, and why the rest does not: as data."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

#: A line of a plan: what leads to the operator, whether Spark compiles it with others, its name, and the rest.
_LINE = re.compile(r"(?P<lead>[\s:|+-]*)(\*\(\d+\) )?(?P<name>[A-Z]\w+)(?P<rest>.*)")

#: Operators that only hold others.
_FRAMES = {"AdaptiveSparkPlan", "InputAdapter", "WholeStageCodegen", "ResultQueryStage", "ShuffleQueryStage"}

_OURS = {"NativeAggregate", "NativeProject", "SelectCols"}
_SCANS = {"BatchScan", "MicroBatchScan", "RealTimeStreamScan"}
_TRANSITIONS = {
    "ColumnarToRow": "what is above it takes rows, so columns are read value by value from here on",
    "RowToColumnar": "what is below it makes rows, which are copied into columns for the native operator above",
}
_PARTIAL = (
    "it would be native over native columns, if its keys, arguments and conditions, and the projections and filters "
    "below it, had a native form: see docs/aggregation.md"
)
_CALL = re.compile(r"downbeat_\w+(?=\()")
_LAMBDA = re.compile(r"lambdafunction\(")


@dataclass(frozen=True)
class Operator:
    """An operator of a physical plan."""

    name: str
    #: How far it is from the plan's end; its input is one deeper.
    depth: int
    native: bool
    #: Why it is not; empty where it is.
    reason: str
    #: As Spark describes it.
    description: str


def explain(frame: DataFrame) -> list[Operator]:
    """The operators of a frame's physical plan, from its end to its sources, also under Spark Connect.

    >>> [(o.name, o.reason) for o in explain(events) if not o.native]  # doctest: +SKIP
    [('ColumnarToRow', 'what is above it takes rows, so columns are read value by value from here on')]
    """
    printed = io.StringIO()
    with redirect_stdout(printed):
        frame.explain()
    operators = []
    for line in printed.getvalue().splitlines():
        # A plan that has run stands there twice: as it ended, and then as it began.
        if "== Initial Plan ==" in line:
            break
        found = _LINE.fullmatch(line)
        if found is None or found["name"] in _FRAMES:
            continue
        name, description = found["name"], f"{found['name']}{found['rest']}".strip()
        reason = _reason(name, found["rest"])
        operators.append(Operator(name, len(found["lead"]) // 3, not reason, reason, description))
    return operators


def _reason(name: str, rest: str) -> str:
    if name in _OURS or (name in _SCANS and "Flight[" in rest):
        return ""
    if name in _TRANSITIONS:
        return _TRANSITIONS[name]
    if calls := sorted(set(_CALL.findall(rest))):
        where = "a lambda" if _LAMBDA.search(rest) else f"{name}, which is no projection or filter"
        return f"{', '.join(calls)} runs row by row inside {where}; call it in a select below"
    if name in _SCANS:
        return "it is the scan of another source"
    if name.endswith("Aggregate") and "functions=[]" not in rest:
        return _PARTIAL if "partial_" in rest else "it merges what partial aggregates made, which is Spark's part"
    return "it is Spark's own, and has no native form"
