"""The notebooks run from the first cell to the last, and say what is kept in them."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from downbeat_spark import session
from pyspark.sql import SparkSession

NOTEBOOKS = sorted((session.PROJECT / "notebooks").glob("*.ipynb"))


def run(cells: list[dict[str, Any]]) -> list[str]:
    """What each cell of code prints, run one after the other as a kernel would."""
    names: dict[str, Any] = {"__name__": "__main__"}
    printed = []
    for number, cell in enumerate(cells):
        out = io.StringIO()
        with redirect_stdout(out):
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
        printed.append(out.getvalue())
    return printed


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_says_what_is_kept_in_it(spark: SparkSession, path: Path) -> None:
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    kept = ["".join("".join(output["text"]) for output in cell["outputs"]) for cell in cells]
    assert any(kept), "it was kept without what it says"
    assert run(cells) == kept
