"""The JSON Schema of contracts says what the connector says."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml
from downbeat_spark import session
from pyspark.errors import AnalysisException

from .conftest import Log
from .test_cleanse import SPEC, cleansed
from .test_errors import BROKEN

SCHEMA = json.loads((session.PROJECT / "contracts/contract.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

#: What each normaliser needs beside itself.
NEEDS: dict[str, dict[str, Any]] = {
    "one_of": {"values": ["a"]},
    "uri_id": {"prefix": "a:"},
    "decimal": {"precision": 18},
}
KEYS: dict[str, Any] = {
    "required": True,
    "min": "x",
    "max": "x",
    "default": "1",
    "aliases": {},
    "values": ["a"],
    "prefix": "a:",
}


def test_our_contract_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert list(VALIDATOR.iter_errors(SPEC)) == []


@pytest.mark.parametrize(("contract", "said"), BROKEN)
def test_a_mistake_of_form_is_one_in_both(contract: str, said: str) -> None:
    try:
        spec = yaml.safe_load(contract)
    except yaml.YAMLError:
        return
    # Names, types and conditions are Spark's to judge.
    form = ["there is no", "it lacks", "it belongs to", "this release reads version", "digits, 1 to 38"]
    mistake = any(words in said for words in form) and "no field" not in said
    assert bool(list(VALIDATOR.iter_errors(spec))) == mistake or "has no field" in said


@pytest.mark.parametrize("word", SCHEMA["$defs"]["column"]["properties"]["normalise"]["enum"])
def test_every_normaliser_of_the_schema_is_known(log: Log, word: str) -> None:
    spec = {"version": 1, "columns": {"a": {"from": "ts", "normalise": word, **NEEDS.get(word, {})}}}
    assert list(VALIDATOR.iter_errors(spec)) == []
    assert cleansed(log.read(), yaml.safe_dump(spec)).select("c.valid").columns == ["valid"]


def test_every_key_of_the_schema_is_known(log: Log) -> None:
    keys = SCHEMA["$defs"]["column"]["properties"]
    spec = {"version": 1, "columns": {"a": {"from": "ts", **{key: KEYS.get(key, "ts") for key in keys}, "frm": "ts"}}}
    with pytest.raises(AnalysisException, match="there is no key 'frm'; did you mean 'from'") as refusal:
        cleansed(log.read(), yaml.safe_dump(spec, sort_keys=False))
    assert refusal.value.getCondition() == "DOWNBEAT_CONTRACT_INVALID"
