"""What a model's inputs may hold: a signature turned into decoders that check as they read."""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np

from jupyter_mlops.serving.problems import RequestError

if TYPE_CHECKING:
    from jupyter_mlops.records.model import Signature, Tensor

WIRE = {
    "BOOL": "?",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
_INTEGERS = frozenset(name for name in WIRE if "INT" in name)
_NUMBERS = _INTEGERS | {"FP16", "FP32", "FP64"}
_LARGEST_JSON_INTEGER = 2**63 - 1  # msgspec checks bounds as signed 64-bit numbers
_YEARS = range(1678, 2262)  # what nanoseconds in 64 bits can name
DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True)
class Column:
    """Read the values of one input; ``row_shape`` is what one row of it looks like, -1 for a free dimension."""

    name: str
    datatype: str
    dtype: str
    row_shape: tuple[int, ...]
    element: Any = field(repr=False)
    decoder: msgspec.json.Decoder[Any] = field(repr=False)

    @classmethod
    def of(cls, tensor: Tensor) -> Column:
        """Build the column of an input as the signature describes it."""
        row_shape = tuple(tensor.shape[1:])
        element = _element(tensor.datatype, tensor.dtype)
        nested: Any = element
        for _ in row_shape or (1,):
            nested = element | list[nested]
        return cls(
            tensor.name, tensor.datatype, tensor.dtype, row_shape, element, msgspec.json.Decoder(list[nested])
        )

    def check_datatype(self, datatype: str) -> None:
        """Refuse a tensor whose values don't fit this input without loss.

        Raises:
            RequestError: naming the input and the datatype it takes.
        """
        fits = {self.datatype}
        if self.datatype in _INTEGERS:
            fits |= _INTEGERS
        elif self.datatype in _NUMBERS:
            fits |= _NUMBERS
        if datatype not in fits:
            raise RequestError(f"input {self.name!r} is {datatype}", hint=f"send it as {self.datatype}")

    def rows_of(self, shape: list[int]) -> int:
        """Return how many rows a tensor of ``shape`` holds.

        Raises:
            RequestError: when the shape isn't that of this input, or there is no row.
        """
        rest = tuple(shape[1:])
        fits = len(rest) == len(self.row_shape) and all(
            want in (-1, got) for want, got in zip(self.row_shape, rest, strict=True)
        )
        if not (shape and (fits or (not self.row_shape and rest == (1,)))) or min(shape) < 0:
            raise RequestError(
                f"input {self.name!r} has shape {shape}", hint=f"send {self._shape_in_words()}, n rows"
            )
        if 0 in shape:
            raise RequestError(f"input {self.name!r} holds no rows", hint="send at least one row")
        return shape[0]

    def from_json(self, data: bytes | msgspec.Raw, shape: list[int]) -> list[Any]:
        """Read JSON values, flat or nested, into a list with one entry a row.

        Raises:
            RequestError: when a value is of the wrong type, or there are more or fewer than ``shape`` says.
        """
        rows = self.rows_of(shape)
        try:
            values = self.decoder.decode(data)
        except DECODE_ERRORS as error:
            raise self._wrong(str(error)) from None
        return self._by_row(_flat(values), rows, shape)

    def from_values(self, values: list[Any], *, text: bool = False) -> list[Any]:
        """Check Python values, one entry a row; with ``text`` they are read from strings (CSV).

        Raises:
            RequestError: when a value is of the wrong type.
        """
        try:
            checked: list[Any] = msgspec.convert(values, self.decoder.type, strict=not text)
        except msgspec.ValidationError as error:
            raise self._wrong(str(error)) from None
        shape = [len(checked)]
        probe = checked[0] if checked else None
        while isinstance(probe, list):
            shape.append(len(probe))
            probe = probe[0] if probe else None
        flat = _flat(checked)
        if text and any(isinstance(value, float) and math.isinf(value) for value in flat):
            raise self._wrong("a number is infinite")
        return self._by_row(flat, self.rows_of(shape), shape)

    def from_binary(self, data: bytes, datatype: str, shape: list[int]) -> list[Any]:
        """Read the raw bytes of a tensor into a list with one entry a row.

        Raises:
            RequestError: when the bytes aren't that many values, or a value doesn't fit this input.
        """
        rows = self.rows_of(shape)
        if datatype == "BYTES":
            return self._by_row(self._texts(data), rows, shape)
        wire = np.dtype(WIRE[datatype])
        if len(data) != math.prod(shape) * wire.itemsize:
            raise RequestError(
                f"input {self.name!r} has {len(data)} bytes for shape {shape} of {datatype}",
                hint=f"send {math.prod(shape) * wire.itemsize}",
            )
        values = np.frombuffer(data, dtype=wire)
        self._check_range(values)
        return self._by_row(values.tolist(), rows, shape)

    def _check_range(self, values: np.ndarray[Any, Any]) -> None:
        if values.dtype.kind == "f":
            bad = np.isinf(values)
            if self.datatype in ("FP32", "FP16"):
                bad |= np.abs(np.nan_to_num(values)) > np.finfo(WIRE[self.datatype]).max
        elif values.dtype.kind in "iu" and self.datatype in _INTEGERS:
            limits = np.iinfo(WIRE[self.datatype])
            bad = (values < limits.min) | (values > limits.max)
        else:
            return
        if bad.any():
            row = int(np.argmax(bad))
            raise RequestError(
                f"input {self.name!r}, value {row}: {values[row]} is out of the range of {self.datatype}",
                hint="send finite numbers in that range",
            )

    def _check_times(self, values: list[Any]) -> None:
        aware = "," in self.dtype  # pandas names a time zone behind the unit
        for row, value in enumerate(values):
            try:
                time = datetime.fromisoformat(value) if value is not None else None
            except ValueError:
                time = datetime.min  # noqa: DTZ901 - stands for no time at all
            if time is None:
                continue
            if time.year not in _YEARS or (time.tzinfo is not None and not aware):
                raise RequestError(
                    f"input {self.name!r}, value {row}: {value[:40]!r} is no time of the kind it takes",
                    hint="send ISO 8601 as in 2026-11-21T08:00:00, "
                    + ("with its offset" if aware else "without an offset"),
                )

    def _texts(self, data: bytes) -> list[str]:
        texts, at = [], 0
        try:
            while at < len(data):
                (length,) = struct.unpack_from("<I", data, at)
                texts.append(data[at + 4 : at + 4 + length].decode())
                at += 4 + length
        except (struct.error, UnicodeDecodeError):
            at = -1
        if at != len(data):
            raise RequestError(
                f"input {self.name!r} is not a sequence of strings",
                hint="write each as four bytes of length and its UTF-8",
            )
        return texts

    def _by_row(self, flat: list[Any], rows: int, shape: list[int]) -> list[Any]:
        if len(flat) != math.prod(shape):
            raise RequestError(
                f"input {self.name!r} has {len(flat)} values for shape {shape}",
                hint=f"send {math.prod(shape)} values or another shape",
            )
        if self.dtype.startswith("datetime64"):
            self._check_times(flat)
        if not self.row_shape:
            return flat
        for length in reversed(shape[1:]):
            flat = [flat[start : start + length] for start in range(0, len(flat), length)]
        return flat[:rows]

    def _shape_in_words(self) -> str:
        return str(["n", *self.row_shape]).replace("'", "").replace("-1", "k")

    def _wrong(self, complaint: str) -> RequestError:
        at = re.search(r"\$\[(\d+)", complaint)
        got = re.search(r"got `(\w+)`", complaint)
        where = f", value {at[1]}" if at else ""
        if got:
            what = {"null": "a missing value"}.get(got[1], f"a value of type {got[1]}")
        else:
            what = re.sub(r" - at `.*", "", complaint)
        hint = f"send {self.datatype} values"
        if not got and "malformed" in complaint:
            hint += "; JSON knows no NaN, a missing value is null"
        return RequestError(f"input {self.name!r}{where}: {what}", hint=hint)


class Schema:
    """Hold the columns of a signature, by name and in the model's order."""

    def __init__(self, signature: Signature) -> None:
        self.layout = signature.layout
        self.columns = tuple(Column.of(tensor) for tensor in signature.inputs)
        self.by_name = {column.name: column for column in self.columns}
        self.outputs = {tensor.name: tensor.datatype for tensor in signature.outputs}

    def check_names(self, names: list[str]) -> None:
        """Refuse inputs that are unknown, missing or given twice.

        Raises:
            RequestError: naming the first such input and what the model takes.
        """
        known = set(names)
        if len(known) == len(names) and known == self.by_name.keys():
            return
        missing = [name for name in self.by_name if name not in known]
        unknown = [name for name in names if name not in self.by_name]
        twice = [name for name in names if names.count(name) > 1]
        if unknown:
            hint = f"the model takes {', '.join(self.by_name)}"
            raise RequestError(f"the model has no input {unknown[0]!r}", hint=hint)
        if twice:
            raise RequestError(f"input {twice[0]!r} is given twice", hint="send each input once")
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise RequestError(
            f"input {missing[0]!r}{more} is missing", hint="send every input of the model's signature"
        )


def same_rows(columns: dict[str, list[Any]]) -> int:
    """Return the number of rows that all columns have.

    Raises:
        RequestError: when they don't have the same number.
    """
    first, rows = next((name, len(values)) for name, values in columns.items())
    for name, values in columns.items():
        if len(values) != rows:
            raise RequestError(
                f"input {name!r} has {len(values)} rows and {first!r} has {rows}",
                hint="send as many rows for each input",
            )
    return rows


def _element(datatype: str, dtype: str) -> Any:
    if datatype == "BYTES":
        return str | None
    # pandas columns that can miss a truth value or an integer; numpy's can't.
    nullable = dtype[:1].isupper() or dtype in ("object", "boolean", "category") or "[pyarrow]" in dtype
    if datatype == "BOOL":
        return bool | None if nullable else bool
    if datatype in _INTEGERS:
        limits = np.iinfo(WIRE[datatype])
        most = min(int(limits.max), _LARGEST_JSON_INTEGER)
        bounded: Any = Annotated[int, msgspec.Meta(ge=int(limits.min), le=most)]
        return bounded | None if nullable else bounded
    if datatype in ("FP16", "FP32"):
        largest = float(np.finfo(WIRE[datatype]).max)
        return Annotated[float, msgspec.Meta(ge=-largest, le=largest)] | None
    return float | None


def _flat(values: list[Any]) -> list[Any]:
    while any(isinstance(value, list) for value in values):
        if not all(isinstance(value, list) for value in values):
            return []
        values = [item for value in values for item in value]
    return values
