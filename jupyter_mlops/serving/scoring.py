"""MLflow's scoring protocol: ``/invocations`` with a data frame or a tensor, as JSON or CSV."""

from __future__ import annotations

import csv
import io
import time
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.serving.columns import DECODE_ERRORS, Schema, same_rows
from jupyter_mlops.serving.exchange import Answer, Question, new_id
from jupyter_mlops.serving.problems import RequestError, UnsupportedTypeError

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS = ("dataframe_split", "dataframe_records", "instances", "inputs")
CSV = "text/csv"
JSON = "application/json"
_encoder = msgspec.json.Encoder()
_document = msgspec.json.Decoder(dict[str, Any])


class _Split(msgspec.Struct, frozen=True):
    columns: list[Any]
    data: list[list[Any]]


def decode(body: bytes, content_type: str, schema: Schema) -> Question:
    """Read a request; columns that the model doesn't take are left aside, as MLflow does.

    Raises:
        RequestError: when it can't be answered as it stands; names the input and the mend.
    """
    started = time.perf_counter()
    if (kind := _mime_type(content_type)) == CSV:
        columns = _from_csv(body, schema)
    elif kind == JSON:
        columns = _from_json(body, schema)
    else:
        raise UnsupportedTypeError(f"content type {kind[:60]!r} is not read", hint=f"send {JSON} or {CSV}")
    output = "predict" if "predict" in schema.outputs else next(iter(schema.outputs))
    return Question(new_id(), columns, same_rows(columns), (output,), started)


def encode(answer: Answer) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
    """Write an answer; return the body and the headers that describe it."""
    (values,) = answer.outputs.values()
    return _encoder.encode({"predictions": values.tolist()}), ((b"content-type", b"application/json"),)


def _mime_type(content_type: str) -> str:
    kind, *options = (part.strip().lower() for part in content_type.split(";"))
    for option in options:
        key, _, value = option.partition("=")
        if key == "charset" and value.strip('"') not in ("utf-8", "utf8", "us-ascii"):
            raise UnsupportedTypeError(f"charset {value[:40]!r} is not read", hint="send UTF-8")
    return kind or JSON


def _from_json(body: bytes, schema: Schema) -> dict[str, list[Any]]:
    try:
        document = _document.decode(body)
    except DECODE_ERRORS as error:
        raise RequestError(
            f"the request can't be read: {error}",
            hint=f"send a JSON object with one of {', '.join(FIELDS)}; JSON knows no NaN, a missing value is null",
        ) from None
    given = [name for name in FIELDS if name in document]
    if len(given) != 1:
        found = ", ".join(sorted(document)[:5]) or "nothing"
        raise RequestError(f"the request has {found}", hint=f"send exactly one of {', '.join(FIELDS)}")
    return _READERS[given[0]](document[given[0]], schema)


def _from_split(value: Any, schema: Schema) -> dict[str, list[Any]]:
    try:
        split = msgspec.convert(value, _Split)
    except msgspec.ValidationError as error:
        raise RequestError(f"dataframe_split: {error}", hint="send columns and data, a list a row") from None
    for number, row in enumerate(split.data):
        if len(row) != len(split.columns):
            raise RequestError(
                f"dataframe_split: row {number} has {len(row)} values and there are {len(split.columns)} columns",
                hint="send a value for each column",
            )
    if schema.layout == "array":
        return _from_rows(split.data, schema)
    columns = zip(*split.data, strict=True) if split.data else ((),) * len(split.columns)
    return _by_name(dict(zip(split.columns, map(list, columns), strict=True)), schema)


def _from_records(value: Any, schema: Schema) -> dict[str, list[Any]]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise RequestError("dataframe_records is not a list of objects", hint="send one object a row")
    if schema.layout == "array":
        return _from_rows([list(row.values()) for row in value], schema)
    names = value[0] if value else ()
    for number, row in enumerate(value):
        for name in schema.by_name:
            if name in names and name not in row:
                raise RequestError(f"row {number} has no {name!r}", hint="send every column in every row")
    return _by_name({name: [row[name] for row in value] for name in schema.by_name if name in names}, schema)


def _from_instances(value: Any, schema: Schema) -> dict[str, list[Any]]:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return _from_records(value, schema)
    return _from_rows(value, schema)


def _from_inputs(value: Any, schema: Schema) -> dict[str, list[Any]]:
    if isinstance(value, dict):
        wrapped = {name: cells if isinstance(cells, list) else [cells] for name, cells in value.items()}
        return _by_name(wrapped, schema)
    return _from_instances(value, schema)


def _from_rows(value: Any, schema: Schema) -> dict[str, list[Any]]:
    if not isinstance(value, list):
        raise RequestError("the request holds no list of rows", hint="send one list a row")
    if schema.layout == "array":
        (column,) = schema.columns
        return {column.name: column.from_values(value)}
    width = len(schema.columns)
    for number, row in enumerate(value):
        if not isinstance(row, list) or len(row) != width:
            raise RequestError(
                f"row {number} is not a list of {width} values",
                hint=f"send {', '.join(schema.by_name)}, in this order",
            )
    columns = zip(*value, strict=True) if value else ((),) * width
    return _by_name(dict(zip(schema.by_name, map(list, columns), strict=True)), schema)


def _from_csv(body: bytes, schema: Schema) -> dict[str, list[Any]]:
    try:
        header, *rows = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise RequestError(f"the CSV can't be read: {error}", hint="send UTF-8 with a header line") from None
    rows = [row for row in rows if row]
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise RequestError(
                f"CSV row {number} has {len(row)} values and the header {len(header)}",
                hint="send a value for each column",
            )
    cells = [[value if value.strip() else None for value in row] for row in rows]
    if schema.layout == "array":
        (column,) = schema.columns
        return {column.name: column.from_values(cells, text=True)}
    columns = zip(*cells, strict=True) if cells else ((),) * len(header)
    return _by_name(dict(zip(header, map(list, columns), strict=True)), schema, text=True)


def _by_name(given: Mapping[Any, list[Any]], schema: Schema, *, text: bool = False) -> dict[str, list[Any]]:
    schema.check_names([name for name in schema.by_name if name in given])
    return {name: column.from_values(given[name], text=text) for name, column in schema.by_name.items()}


_READERS = {
    "dataframe_split": _from_split,
    "dataframe_records": _from_records,
    "instances": _from_instances,
    "inputs": _from_inputs,
}
