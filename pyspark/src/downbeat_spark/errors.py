"""What can go wrong for a reason that a person can mend.

    DownbeatError
    ├── Missing        something that has to be installed or built is not there
    ├── BadInput       an argument, a file or an address can't be used
    └── Refused        the lake says no: another world, another checkpoint, another ingest at work, a gap

Each text says what happened, to what, and what to do next. The jobs print it as one line and exit with 2; any other
exception is a defect and keeps its traceback.
"""


class DownbeatError(Exception):
    """Base of every error with a message for people."""


class Missing(DownbeatError):
    """Something that has to be installed or built is not there."""


class BadInput(DownbeatError):
    """An argument, a file or an address can't be used."""


class Refused(DownbeatError):
    """Doing what was asked would break the lake's promise."""
