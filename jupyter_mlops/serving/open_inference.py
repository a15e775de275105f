"""The Open Inference Protocol, version 2, over HTTP: JSON, and raw tensors behind it as Triton's clients send."""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from jupyter_mlops.serving.columns import DECODE_ERRORS, WIRE, Column, Schema, same_rows
from jupyter_mlops.serving.exchange import Answer, Question, check_id, new_id
from jupyter_mlops.serving.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

_KINDS = {"b": "BOOL", "i": "INT64", "u": "INT64", "f": "FP64"}


class _Input(msgspec.Struct, frozen=True):
    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    parameters: dict[str, Any] | None = None


class _Wanted(msgspec.Struct, frozen=True):
    name: str
    parameters: dict[str, Any] | None = None


class _Request(msgspec.Struct, frozen=True):
    inputs: list[_Input]
    id: str = ""
    outputs: list[_Wanted] | None = None
    parameters: dict[str, Any] | None = None


class _Tensor(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    datatype: str
    shape: list[int]
    data: list[Any] | msgspec.UnsetType = msgspec.UNSET
    parameters: dict[str, int] | None = None


class _Response(msgspec.Struct, frozen=True):
    model_name: str
    model_version: str
    id: str
    outputs: list[_Tensor]


_decoder = msgspec.json.Decoder(_Request)
_encoder = msgspec.json.Encoder()


def decode(body: bytes, header_length: str | None, schema: Schema) -> tuple[Question, frozenset[str]]:
    """Read a request; return it with the names of the outputs that are wanted as raw bytes.

    ``header_length`` is the header ``Inference-Header-Content-Length``: how much of the body is JSON.

    Raises:
        RequestError: when it can't be answered as it stands; names the input and the mend.
    """
    started = time.perf_counter()
    document, tail = _split(body, header_length)
    try:
        request = _decoder.decode(document)
    except DECODE_ERRORS as error:
        raise _malformed(error) from None
    prediction_id = check_id(request.id) if request.id else new_id()
    columns = _columns(request.inputs, tail, schema)
    outputs, raw = _wanted(request, schema)
    return Question(prediction_id, columns, same_rows(columns), outputs, started), raw


def encode(
    answer: Answer, name: str, version: int, raw: Iterable[str] = ()
) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
    """Write an answer; return the body and the headers that describe it."""
    tensors, tail = [], []
    for output, values in answer.outputs.items():
        shape, datatype = list(values.shape), datatype_of(values)
        if output in raw:
            data = _raw(values, datatype)
            tail.append(data)
            tensors.append(_Tensor(output, datatype, shape, parameters={"binary_data_size": len(data)}))
        else:
            tensors.append(_Tensor(output, datatype, shape, values.ravel().tolist()))
    document = _encoder.encode(_Response(name, str(version), answer.prediction_id, tensors))
    if not tail:
        return document, ((b"content-type", b"application/json"),)
    length = str(len(document)).encode()
    return b"".join([document, *tail]), (
        (b"content-type", b"application/octet-stream"),
        (b"inference-header-content-length", length),
    )


def datatype_of(values: np.ndarray[Any, Any]) -> str:
    """Return the protocol's word for what an array holds; arrays of objects hold text."""
    name = {"int32": "INT32", "float32": "FP32"}.get(values.dtype.name)
    return name or _KINDS.get(values.dtype.kind, "BYTES")


def _split(body: bytes, header_length: str | None) -> tuple[bytes, bytes]:
    if header_length is None:
        return body, b""
    length = int(header_length) if header_length.isascii() and header_length.isdigit() else -1
    if not 0 <= length <= len(body):
        raise RequestError(
            f"the header Inference-Header-Content-Length is {header_length[:20]!r} for a body of {len(body)} bytes",
            hint="it is the length of the JSON in front of the raw tensors",
        )
    return body[:length], body[length:]


def _columns(inputs: list[_Input], tail: bytes, schema: Schema) -> dict[str, list[Any]]:
    at = 0
    if len(inputs) == 1 and _is_matrix(inputs[0], schema):
        matrix = Column.of(_matrix_tensor(inputs[0], len(schema.columns)))
        values, at = _values(inputs[0], matrix, tail, 0)
        columns = {
            column.name: column.from_values(list(cells))
            for column, cells in zip(schema.columns, zip(*values, strict=True), strict=True)
        }
    else:
        schema.check_names([tensor.name for tensor in inputs])
        read = {}
        for tensor in inputs:
            read[tensor.name], at = _values(tensor, schema.by_name[tensor.name], tail, at)
        columns = {column.name: read[column.name] for column in schema.columns}
    if at != len(tail):
        raise RequestError(
            f"the body has {len(tail)} raw bytes and the inputs name {at}",
            hint="give each raw input its parameter binary_data_size",
        )
    return columns


def _is_matrix(tensor: _Input, schema: Schema) -> bool:
    """Say whether one matrix stands for all columns of a frame, in the signature's order."""
    known = tensor.name in schema.by_name
    return schema.layout == "frame" and not known and tensor.shape[1:] == [len(schema.columns)]


def _matrix_tensor(tensor: _Input, width: int) -> Any:
    from jupyter_mlops.records.model import Tensor

    if tensor.datatype not in (*WIRE, "BYTES"):
        raise _unknown_datatype(tensor)
    return Tensor(name=tensor.name, datatype=tensor.datatype, shape=(-1, width))


def _values(tensor: _Input, column: Column, tail: bytes, at: int) -> tuple[list[Any], int]:
    if tensor.datatype not in WIRE and tensor.datatype != "BYTES":
        raise _unknown_datatype(tensor)
    column.check_datatype(tensor.datatype)
    parameters = tensor.parameters or {}
    if "shared_memory_region" in parameters:
        raise RequestError(f"input {tensor.name!r} is in shared memory", hint="send its values in the body")
    size = parameters.get("binary_data_size")
    if size is None:
        if isinstance(tensor.data, msgspec.UnsetType):
            raise RequestError(f"input {tensor.name!r} has no data", hint="send its values under data")
        return column.from_json(tensor.data, tensor.shape), at
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(tail) - at:
        raise RequestError(
            f"input {tensor.name!r} has binary_data_size {str(size)[:20]} and {len(tail) - at} bytes are left",
            hint="send the raw bytes of every input behind the JSON, in order",
        )
    return column.from_binary(tail[at : at + size], tensor.datatype, tensor.shape), at + size


def _wanted(request: _Request, schema: Schema) -> tuple[tuple[str, ...], frozenset[str]]:
    by_default = (request.parameters or {}).get("binary_data_output") is True
    if not request.outputs:
        names = tuple(schema.outputs)
        return names, frozenset(names if by_default else ())
    names, raw = (), set()
    for output in request.outputs:
        if output.name not in schema.outputs or output.name in names:
            raise RequestError(
                f"the model has no further output {output.name!r}",
                hint=f"ask for {', '.join(schema.outputs)}",
            )
        names += (output.name,)
        if (output.parameters or {}).get("binary_data", by_default) is True:
            raw.add(output.name)
    return names, frozenset(raw)


def _raw(values: np.ndarray[Any, Any], datatype: str) -> bytes:
    if datatype != "BYTES":
        return np.ascontiguousarray(values, dtype=WIRE[datatype]).tobytes()
    texts = [str(value).encode() for value in values.ravel()]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def _unknown_datatype(tensor: _Input) -> RequestError:
    return RequestError(
        f"input {tensor.name!r} has the unknown datatype {tensor.datatype[:20]!r}",
        hint=f"send one of {', '.join(WIRE)}, BYTES",
    )


def _malformed(error: Exception) -> RequestError:
    if isinstance(error, RecursionError):
        return RequestError("the request is nested too deep", hint="send flat lists of values")
    hint = "send JSON with inputs, each with name, shape, datatype and data"
    if "malformed" in str(error):
        hint += "; JSON knows no NaN, a missing value is null"
    return RequestError(f"the request can't be read: {error}", hint=hint)
