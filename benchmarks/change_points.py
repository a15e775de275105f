"""Change points of real series against those that people marked in them.

    python benchmarks/change_points.py FOLDER

FOLDER holds the Turing change point dataset (github.com/alan-turing-institute/TCPD): annotations.json and datasets/.
Several people marked each series. As in its paper (van den Burg and Williams, 2020), F1 counts a mark as found within 5
steps, its recall averaged over the people; covering is how well the segments cover those of each. Nothing is tuned to a
series; the stream detectors see each series scaled to 0 to 1, since their settings are meant for errors.
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from jupyter_mlops.stats import sequential
from jupyter_mlops.stats.change_points import change_points

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

Marks: TypeAlias = "dict[str, list[int]]"
NEAR = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    series = [*read(folder)]
    print(f"{len(series)} series, {sum(len(values) for _, values in series):,} steps         F1   covering")
    methods: dict[str, Callable[[NDArray[np.float64]], list[int]]] = {
        "no change anywhere": lambda _: [],
        "segments (ours)": change_points,
        "ADWIN": lambda values: streamed(lambda: sequential.ADWIN(every=1), values),
        "Page-Hinkley": lambda values: streamed(lambda: sequential.PageHinkley(threshold=5), values),
    }
    for name, method in methods.items():
        scores = []
        for marks, values in series:
            found = method(values)
            scores.append((f1(found, marks), covering(found, marks, len(values))))
        means = np.mean(scores, axis=0)
        print(f"{name:<32}{means[0]:>8.3f}{means[1]:>11.3f}")


def read(folder: Path) -> Iterator[tuple[Marks, NDArray[np.float64]]]:
    annotations = json.loads((folder / "annotations.json").read_text())
    for path in sorted((folder / "datasets").glob("*/*.json")):
        document = json.loads(path.read_text())
        if document["name"] in annotations:
            columns = [each["raw"] for each in document["series"]]
            yield annotations[document["name"]], np.array(columns, dtype=np.float64).T


def streamed(detector: Callable[[], sequential.Detector], values: NDArray[np.float64]) -> list[int]:
    found: set[int] = set()
    for column in values.T:
        known = np.nan_to_num(column, nan=float(np.nanmean(column)))
        found |= set(sequential.changes(detector(), (known - known.min()) / (np.ptp(known) or 1.0)))
    return sorted(found)


def f1(found: list[int], marks: Marks) -> float:
    # The start of a series counts as a change that everybody marked and every method found.
    each = [{0, *places} for places in marks.values()]
    said = {0, *found}
    precision = hits(set().union(*each), said) / len(said)
    recall = float(np.mean([hits(true, said) / len(true) for true in each]))
    return 2 * precision * recall / (precision + recall)


def hits(true: set[int], said: set[int]) -> int:
    left, count = set(said), 0
    for place in sorted(true):
        near = [other for other in left if abs(other - place) <= NEAR]
        if near:
            left.remove(min(near, key=lambda other: (abs(other - place), other)))
            count += 1
    return count


def covering(found: list[int], marks: Marks, length: int) -> float:
    mine = segments(found, length)
    means = []
    for places in marks.values():
        best = [
            (b - a) * max((min(b, d) - max(a, c)) / (max(b, d) - min(a, c)) for c, d in mine)
            for a, b in segments(places, length)
        ]
        means.append(sum(best) / length)
    return float(np.mean(means))


def segments(places: list[int], length: int) -> list[tuple[int, int]]:
    ends = sorted({0, length, *(place for place in places if 0 < place < length)})
    return [*pairwise(ends)]


if __name__ == "__main__":
    main()
