"""What is expected of datasets: said in a notebook, kept on record, held against every new version."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jupyter_mlops.data import versions
from jupyter_mlops.errors import BlockedError, NotFoundError
from jupyter_mlops.notebook import cells, writing
from jupyter_mlops.records.dataset import DatasetVersion
from jupyter_mlops.records.expectation import NOTHING, Expectations, Validation
from jupyter_mlops.store import stamp
from jupyter_mlops.store.copying import silent
from jupyter_mlops.store.names import check_name
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import build
from jupyter_mlops.workflows.acting import acting, allow

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.data.version_parts import Table
    from jupyter_mlops.pipeline.session import Session
    from jupyter_mlops.records.expectation import ExpectationResult
    from jupyter_mlops.records.pipeline import Pipeline
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.copying import Progress
    from jupyter_mlops.store.opened import Store

READ = "expectations://"
BROKEN = "MLO511"
_SHOWN = 3
_SHORT = 12


def in_force(store: Store, dataset: str) -> Expectations | None:
    """Return what was last said to be expected of a dataset; None where nothing is."""
    found = next(iter(store.ledger.find("expectations", dataset, limit=1)), None)
    return found if isinstance(found, Expectations) and found.said != NOTHING else None


def declare(
    settings: Settings, expected: Expectations, *, source: str = "", clock: Callable[[], str] = stamp.now
) -> Expectations:
    """Put on record what is expected of a dataset from now on; what was said already changes nothing.

    Raises:
        UsageError: when the name can't name a dataset.
        DeniedError: when whoever runs this may not.
    """
    check_name("dataset", expected.name)
    store = open_store(settings)
    found = next(iter(store.ledger.find("expectations", expected.name, limit=1)), None)
    before = found if isinstance(found, Expectations) else None
    if before is not None and before.said == expected.said and before.source == (source or before.source):
        return before
    if before is None and expected.said == NOTHING:
        return expected
    with acting(settings, "data.expect", f"dataset/{expected.name}", source=source):
        said = msgspec.structs.replace(expected, source=source, created_at=clock(), author=stamp.author())
        store.ledger.append(said)
    return said


def declare_all(settings: Settings, pipeline: Pipeline, source: str) -> None:
    """Put on record what a notebook expects, and that it no longer expects what its cells no longer say."""
    for each in pipeline.expected:
        declare(settings, each.expectations, source=source)
    said = {each.dataset for each in pipeline.expected}
    # Newest first: of each dataset the first one found is in force.
    newest: dict[str, Expectations] = {}
    for found in open_store(settings).ledger.find("expectations"):
        if isinstance(found, Expectations):
            newest.setdefault(found.name, found)
    for name in sorted(newest.keys() - said):
        if newest[name].source == source and newest[name].said != NOTHING:
            declare(settings, Expectations(name=name), source=source)


def digests(store: Store) -> Callable[[str], str | None]:
    """Return what tells the digest of ``expectations://NAME``, by which a stage knows that they changed."""
    known: dict[str, str] = {}

    def digest(text: str) -> str | None:
        if not text.startswith(READ):
            return None
        if text not in known:
            found = in_force(store, text.removeprefix(READ))
            known[text] = found.said if found is not None else NOTHING
        return known[text]

    return digest


def hold(settings: Settings, session: Session, version: DatasetVersion) -> None:
    """Hold a version that code asks for against what is expected of it, before the code goes on.

    Raises:
        BlockedError: when it isn't as expected; it stays on record.
    """
    expected = _of_the_stage(session, version.name) or in_force(open_store(settings), version.name)
    session.expected[f"{READ}{version.name}"] = expected.said if expected is not None else NOTHING
    if expected is not None:
        require(check_version(settings, version, expected, afresh=False))


def hold_added(settings: Settings, version: DatasetVersion, *, progress: Progress = silent) -> None:
    """Hold a version that was recorded by hand against what is expected of it.

    Raises:
        BlockedError: when it isn't as expected; it stays on record.
    """
    expected = in_force(open_store(settings), version.name)
    if expected is not None:
        require(check_version(settings, version, expected, afresh=False, progress=progress))


def require(validation: Validation) -> None:
    """Say in one line what is wrong with a version.

    Raises:
        BlockedError: when it isn't as expected.
    """
    if validation.passed:
        return
    failed, total = validation.failed, len(validation.results)
    label = f"{validation.name}@{validation.version[:_SHORT]}"
    shown = "; ".join(map(line, failed[:_SHOWN]))
    more = f"; and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
    raise BlockedError(
        f"{label} breaks {len(failed)} of {total} expectations: {shown}{more}",
        hint=f"the version is kept: jupyter mlops data check {label}",
        code=BROKEN,
    )


def line(result: ExpectationResult) -> str:
    """Write what came of an expectation in one line."""
    about = f"{result.column} ({result.expectation})" if result.column else result.expectation
    return f"{about}: {result.reason or 'as expected'}"


def check(settings: Settings, text: str, *, progress: Progress = silent) -> Validation:
    """Hold the version that ``churn`` or ``churn@4f2a`` means against what is expected of it, and record what came of it.

    Raises:
        NotFoundError: when there is no such version, or nothing is expected of the dataset.
        DataError: when it is no table.
        DeniedError: when whoever runs this may not.
    """
    store = open_store(settings)
    version = versions.resolve(store, text)
    allow(settings, "data.check", str(version.ref))
    return check_version(settings, version, _expected(store, version.name), progress=progress)


def check_version(
    settings: Settings,
    version: DatasetVersion,
    expected: Expectations,
    *,
    afresh: bool = True,
    progress: Progress = silent,
    clock: Callable[[], str] = stamp.now,
) -> Validation:
    """Hold a version against expectations; unless ``afresh``, what came of the same before counts.

    Raises:
        DataError: when it is no table.
        DeniedError: when whoever runs this may not.
    """
    from jupyter_mlops.data import version_parts

    store = open_store(settings)
    before = None if afresh else checked(store, version, expected)
    if before is not None:
        return before
    with acting(settings, "data.check", str(version.ref)) as act:
        table = version_parts.of_version(store, version, progress)
        validation = msgspec.structs.replace(
            _validation(version.name, version.version, expected, *_results(table, expected)),
            parents=(str(version.ref), *((str(expected.ref),) if expected.created_at else ())),
            created_at=clock(),
            author=stamp.author(),
        )
        store.ledger.append(validation)
        act.note(passed=validation.passed)
    return validation


def checked(store: Store, version: DatasetVersion, expected: Expectations | None = None) -> Validation | None:
    """Return what came of the newest check of a version, or of the newest against these expectations."""
    for found in store.ledger.find("validation", lookup=version.version):
        if not isinstance(found, Validation) or found.name != version.name:
            continue
        if expected is None or found.said == expected.said:
            return found
    return None


def newest_check(settings: Settings, version: DatasetVersion) -> Validation | None:
    """Return what came of the newest check of a version, None where it never was held against anything."""
    return checked(open_store(settings), version)


def check_file(settings: Settings, dataset: str, source: str, *, progress: Progress = silent) -> Validation:
    """Hold a file, folder or URL against what is expected of a dataset; nothing is recorded.

    Raises:
        NotFoundError: when nothing is expected of the dataset.
        DataError: when it is missing or no table.
    """
    from jupyter_mlops.data import sources, version_parts

    allow(settings, "read", f"dataset/{dataset}")
    store = open_store(settings)
    expected = _expected(store, dataset)
    scratch = settings.state / "fetched"
    with sources.opened(source, root=settings.root, scratch=scratch, progress=silent) as given:
        table = version_parts.of_path(given.path or Path(), progress)
        rows, results = _results(table, expected)
    return _validation(dataset, "", expected, rows, results)


def infer(
    settings: Settings, text: str, *, progress: Progress = silent
) -> tuple[DatasetVersion, Expectations]:
    """Infer what to expect of a dataset's next versions from the one that ``text`` means.

    Raises:
        NotFoundError: when there is no such version.
        DataError: when it is no table.
    """
    from jupyter_mlops.data import inference, version_parts

    store = open_store(settings)
    version = versions.resolve(store, text)
    allow(settings, "read", str(version.ref))
    table = version_parts.of_version(store, version, progress)
    return version, inference.infer(version.name, table.parts, from_text=table.from_text)


def newest(settings: Settings, dataset: str) -> DatasetVersion | None:
    """Return the newest version of a dataset, None where there is none yet."""
    found = open_store(settings).ledger.find("dataset", dataset, limit=1)
    return found[0] if found and isinstance(found[0], DatasetVersion) else None


def as_cell(version: DatasetVersion, expected: Expectations) -> str:
    """Return the body of a cell that says what was inferred, and from what."""
    from jupyter_mlops.data import expectation_text

    label = f"{version.name}@{version.version[:_SHORT]}"
    return f"# inferred from {label}, {version.rows:,} rows\n{expectation_text.write(expected)}"


def write_into(notebook: Path, dataset: str, body: str) -> int:
    """Put a cell with that body into a notebook file; return its index.

    Raises:
        NotebookError: when it is missing or no notebook.
        UsageError: when a cell says something about the dataset already.
    """
    content, place = writing.with_expectations(cells.read_bytes(notebook), notebook.name, dataset, body)
    build.write(notebook, content)
    return place


def _expected(store: Store, dataset: str) -> Expectations:
    expected = in_force(store, dataset)
    if expected is None:
        raise NotFoundError(
            f"nothing is expected of dataset {dataset!r}",
            hint=f"put a cell `%%mlops expect {dataset}` into the notebook, and run it or the notebook",
        )
    return expected


def _results(table: Table, expected: Expectations) -> tuple[int, tuple[ExpectationResult, ...]]:
    from jupyter_mlops.data import expectations

    words = expectations.words_of(expected) if table.from_text else set[str]()
    return expectations.check(lambda: table.parts(words), expected, from_text=table.from_text)


def _validation(
    name: str, version: str, expected: Expectations, rows: int, results: tuple[ExpectationResult, ...]
) -> Validation:
    return Validation(
        name=name,
        version=version,
        passed=all(result.status == "passed" for result in results),
        rows=rows,
        results=results,
        said=expected.said,
    )


def _of_the_stage(session: Session, dataset: str) -> Expectations | None:
    """Return what the notebook that this stage was compiled from expects."""
    # It reads YAML, which a run with nothing to do has no need of.
    from jupyter_mlops.pipeline import pages

    path = Path(session.folder) / pages.EXPECTATIONS
    return pages.expectations_in(path).get(dataset) if session.folder and path.is_file() else None
