"""Compare what the stages of two builds left, product by product; called in a kernel that has run the setup cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.pipeline.comparison.comparer import Comparer, Tolerance
from jupyter_mlops.pipeline.comparison.model_arrays import in_our_words
from jupyter_mlops.pipeline.comparison.snapshot import read_values
from jupyter_mlops.records.base import Value
from jupyter_mlops.records.reproduction import FirstDifference

if TYPE_CHECKING:
    from collections.abc import Sequence


class Pair(Value, frozen=True, kw_only=True):
    """Name variables that a stage left, and the products of the stages up to it, in page order, of both builds."""

    stage: str
    names: tuple[str, ...]
    recorded: tuple[str, ...]
    rebuilt: tuple[str, ...]


def first_difference(
    namespace: dict[str, Any], pairs: Sequence[Pair], tolerance: Tolerance
) -> FirstDifference | None:
    """Return the first variable whose content differs; equal content in other bytes is no difference.

    Args:
        namespace: what the setup cells define.
        pairs: stages in page order, with the variables whose fingerprints differ.
        tolerance: what floats may differ by.
    """
    for pair in pairs:
        for name in pair.names:
            found = _one(namespace, pair, name, tolerance)
            if found is not None:
                return found
    return None


def compare_files(namespace: dict[str, Any], question: str, answer: str) -> None:
    """Read a question's JSON file, compare, and write the answer's."""
    from jupyter_mlops.store.files import write_atomic

    pairs = msgspec.json.decode(Path(question).read_bytes(), type=tuple[Pair, ...])
    write_atomic(Path(answer), msgspec.json.encode(first_difference(namespace, pairs, Tolerance())))


def _one(namespace: dict[str, Any], pair: Pair, name: str, tolerance: Tolerance) -> FirstDifference | None:
    sides = []
    for whose, products in (("recorded", pair.recorded), ("rebuilt", pair.rebuilt)):
        try:
            values = read_values([name], [Path(each) for each in products], dict(namespace))
        except Exception as error:  # noqa: BLE001 - a pickle runs anybody's code, and may raise anything
            what = f"the {whose} one can't be read: {type(error).__name__}: {str(error)[:160]}"
            return FirstDifference(stage=pair.stage, variable=name, what=what)
        sides.append(values)
    if any(name not in values for values in sides):
        what = "only the record has it" if name in sides[0] else "only the new build has it"
        return FirstDifference(stage=pair.stage, variable=name, what=what)
    found = Comparer(tolerance).compare(sides[0][name], sides[1][name])
    if found is None:
        return None
    return FirstDifference(stage=pair.stage, variable=name, place=found.path, what=in_our_words(found.what))
