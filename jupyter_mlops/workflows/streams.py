"""Samples larger than memory: read in parts, counted in bins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.errors import DataError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pandas as pd

    from jupyter_mlops.monitoring.binned import ColumnBins, Profile
    from jupyter_mlops.records.drift import DriftReport
    from jupyter_mlops.workflows.samples import Sample
    from jupyter_mlops.workflows.watch import How


def compare(
    reference: Sample, current: Sample, columns: Sequence[str] | None, how: How, rule: str
) -> DriftReport:
    """Compare two samples by what is counted of them in one pass; the reference is read once before, for the bins.

    Raises:
        DataError: when a sample is unreadable or empty, has not a column asked for, or was counted in other bins.
    """
    from jupyter_mlops.monitoring.binned_drift import compare_profiles
    from jupyter_mlops.workflows.watch import write

    if reference.profile is None and current.profile is not None:
        raise DataError(
            f"{current.name} is a profile, {reference.name} isn't",
            hint="the reference sets the bins: name the profile it was counted against",
        )
    rows: list[pd.DataFrame] = []
    before = reference.profile or _reference(reference, current, columns, how, rows)
    before = _only(before, columns, reference.name)
    now, new = (current.profile, ()) if current.profile else _counted(current, before.bins, how, rows)
    if current.profile is not None:
        now = _only(current.profile, columns, current.name)
    assert now is not None  # noqa: S101 - one of the two above
    if how.profile is not None:
        write(how.profile, msgspec.json.encode(now))
    return compare_profiles(
        before,
        now,
        names=(reference.name, current.name),
        only_current=() if columns or reference.traffic is not None or current.traffic is not None else new,
        multivariate=_jointly(rows, before) if len(rows) == 2 else {},  # noqa: PLR2004 - of both sides
        rule=rule,
    )


def merge_profiles(paths: Sequence[Path], to: Path) -> Profile:
    """Add up profiles that were kept by several processes, days or machines, and write their sum.

    Raises:
        DataError: when one is no profile, or they were counted in different bins.
    """
    from jupyter_mlops.workflows.samples import read_profile
    from jupyter_mlops.workflows.watch import write

    if not paths:
        raise DataError("no profile to merge", hint="name the files that --keep-profile wrote")
    first, *rest = map(read_profile, paths)
    for more in rest:
        first = first.merge(more)
    write(to, msgspec.json.encode(first))
    return first


def _reference(
    sample: Sample, current: Sample, columns: Sequence[str] | None, how: How, rows: list[pd.DataFrame]
) -> Profile:
    from jupyter_mlops.monitoring import binned
    from jupyter_mlops.workflows.watch import LARGE_BYTES, chosen

    drawn = binned.Drawn(binned.SAMPLED)
    for part in _parts(sample, how):
        drawn.add(part)
    frame = drawn.frame()
    if frame.empty:
        raise DataError(f"{sample.name} has no rows", hint="there is nothing to compare")
    if columns is None and current.traffic is not None:
        columns = chosen(list(frame.columns), list(map(str, current.traffic.columns)), (sample, current))
    elif columns is None and sample.outcomes:
        columns = [name for name in frame.columns if name not in sample.outcomes.values()]
    bins = binned.bins_of(frame if columns is None else frame[_there(list(columns), frame, sample.name)])
    rows.append(frame)
    return binned.total(_parts(sample, how), bins, compiled=sample.size_bytes > LARGE_BYTES)


def _counted(
    sample: Sample, bins: dict[str, ColumnBins], how: How, rows: list[pd.DataFrame]
) -> tuple[Profile, tuple[str, ...]]:
    from jupyter_mlops.monitoring import binned
    from jupyter_mlops.stats.multivariate import MOST_ROWS
    from jupyter_mlops.workflows.watch import LARGE_BYTES

    drawn = binned.Drawn(MOST_ROWS, seed=1)
    whole, names, compiled = binned.empty(bins), dict[str, None](), sample.size_bytes > LARGE_BYTES
    for part in _parts(sample, how):
        names |= dict.fromkeys(part.columns)
        drawn.add(part)
        whole = whole.merge(binned.profile(part, bins, compiled=compiled))
    if not whole.rows:
        raise DataError(f"{sample.name} has no rows", hint="there is nothing to compare")
    if not any(name in bins for name in names):
        first, second = (", ".join(list(side)[:5]) for side in (bins, names))
        raise DataError(
            f"{sample.name} has no column of the reference", hint=f"one has {first}; the other {second}"
        )
    rows.append(drawn.frame())
    return whole, tuple(name for name in names if name not in bins)


def _parts(sample: Sample, how: How) -> Iterator[pd.DataFrame]:
    for part in sample.parts(how.progress):
        part.columns = part.columns.map(str)
        yield part


def _only(profile: Profile, columns: Sequence[str] | None, name: str) -> Profile:
    if columns is None:
        return profile
    return msgspec.structs.replace(
        profile, columns={each: profile.columns[each] for each in _there(columns, profile.columns, name)}
    )


def _there(columns: Sequence[str], known: Any, name: str) -> list[str]:
    for column in columns:
        if column not in known:
            near = NotFoundError.of("column", column, map(str, known))
            raise DataError(f"{name} has no column {column!r}", hint=near.hint, **near.details)
    return list(dict.fromkeys(columns))


def _jointly(rows: list[pd.DataFrame], reference: Profile) -> dict[str, Any]:
    """Compare all columns together by the rows drawn."""
    from jupyter_mlops.monitoring.drift import compare as compare_samples

    names = [name for name in reference.columns if all(name in frame.columns for frame in rows)]
    return compare_samples(rows[0], rows[1], columns=names).multivariate if names else {}
