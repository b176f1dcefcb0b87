"""How a job speaks, and how it ends: its answer as the exit code, or one line on stderr and exit code 2."""

from __future__ import annotations

import argparse
import logging
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import TypeVar

from downbeat_spark.errors import BadInput, DownbeatError

_Made = TypeVar("_Made")

#: The job could not do its work. 1 is left to jobs that did it and found something wrong.
FAILED = 2


def say(line: str) -> None:
    """Tell whoever watches what happens."""
    print(line, flush=True)  # noqa: T201 (this is where jobs speak)


def argument(make: Callable[[str], _Made]) -> Callable[[str], _Made]:
    """What `argparse` makes of a text by `type=`: it tells what is wrong with it in its own way."""

    def made(text: str) -> _Made:
        try:
            return make(text)
        except BadInput as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return made


def run(job: Callable[[], int]) -> int:
    """Run a job and return its exit code.

    A `DownbeatError` is told in one line; anything else is a defect, told with its traceback.
    """
    # PySpark says so whenever a session makes a DataFrame, whether pandas is used or not; nothing here uses it.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    # Prints every refused plan with its stack before the job can say what is wrong.
    logging.getLogger("DataFrameQueryContextLogger").setLevel(logging.CRITICAL)
    try:
        return job()
    except DownbeatError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 (this is where errors are told)
    except Exception:
        traceback.print_exc()
    return FAILED
