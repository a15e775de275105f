"""Build a model version again from the record alone, and say what is the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from jupyter_mlops import settings as project
from jupyter_mlops.errors import StageFailedError, UsageError
from jupyter_mlops.execution import fresh
from jupyter_mlops.pipeline import cache_key, environment
from jupyter_mlops.pipeline.comparison.values import Tolerance
from jupyter_mlops.store.files import write_atomic
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import laying, origin, rebuild, recorded
from jupyter_mlops.workflows.acting import allow
from jupyter_mlops.workflows.judging import Judging
from jupyter_mlops.workflows.models import resolve
from jupyter_mlops.workflows.provenance import hardware
from jupyter_mlops.workflows.rebuild import Answer, Left, Request, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import BinaryIO

    from jupyter_mlops.records.reproduction import Reproduction
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.opened import Store
    from jupyter_mlops.workflows.laying import Laid
    from jupyter_mlops.workflows.origin import Origin

    OnStep = Callable[[str, int, int], None]

RTOL = 1e-6
UNSEEDED = "MLO106"
REPORT = "reproduction.json"
_DATASETS = "datasets.json"
# The settings that say where a project keeps things, and what it runs on.
_PLACES = ("store", "tracking_uri", "objects", "engine")
_MOST_TOLD = 1_000
# How long a build that is broken off may take to end, in seconds.
_PATIENCE = 60
_clock = re.compile(r"(?:^|[_.])(?:seconds|secs|ms|milliseconds|duration|latency|elapsed|time)(?:$|[_.])")


@dataclass(frozen=True)
class Options:
    """Hold what a person may want of a reproduction, besides the version.

    Args:
        kind: ``fresh`` makes an environment with the recorded packages, ``current`` uses this one.
        folder: an empty folder to build in, which stays; default: one that goes afterwards.
        given: files to use instead of recorded ones, by the path that a stage reads.
        everything: install all recorded packages, not only those that the notebook needs.
        rtol: what floats may differ by to be within tolerance, relative to the recorded.
        atol: what they may differ by besides.
        jobs: how many stages at a time; default: the number of cores.
        on_step: is told what is being done, how much of it is done, and how much there is.
    """

    kind: Literal["fresh", "current"] = "fresh"
    folder: Path | None = None
    given: Mapping[str, Path] = field(default_factory=dict)
    everything: bool = False
    rtol: float = RTOL
    atol: float = 0.0
    jobs: int | None = None
    on_step: OnStep | None = None

    def tell(self, label: str) -> None:
        """Say what is being done."""
        if self.on_step is not None:
            self.on_step(label, 0, 1)


def reproduce(settings: Settings, text: str, **options: Any) -> Reproduction:
    """Build a version again in an empty folder, from the ledger and the object store, and compare.

    Args:
        settings: the project.
        text: the version: ``churn/3``, ``churn@champion``.
        options: the fields of ``Options``.

    Raises:
        NotFoundError: when the version, or something that made it, isn't on record.
        DeniedError: when it may not be read.
        DataError: when an input wasn't kept.
        IntegrityError: when a stored content was changed.
        StageFailedError: when the environment can't be made.
        UsageError: when an option is wrong.
    """
    wanted = Options(**options)
    tolerance = Tolerance(rtol=wanted.rtol, atol=wanted.atol)
    if not (wanted.rtol >= 0 and wanted.atol >= 0):
        raise UsageError("a tolerance is below zero", hint="write --rtol 1e-6")
    store = open_store(settings)
    wanted.tell("reading the record")
    version = resolve(settings, text)
    allow(settings, "read", str(version.ref))
    found = origin.find(store, version)
    inputs = origin.inputs(store, found)
    with _place(wanted.folder) as (work, scratch):
        wanted.tell("laying out the inputs")
        laid = laying.lay(store, found, inputs, wanted.given, work)
        started = time.monotonic()
        datasets = recorded.check_out(
            store, found.executions.values(), inputs.files.values(), scratch / "datasets"
        )
        (scratch / _DATASETS).write_bytes(msgspec.json.encode(datasets))
        made = _environment(found, wanted, scratch)
        began = time.monotonic()
        asked = _request(store, found, laid, wanted)
        python = made.python if made else Path(sys.executable)
        answer = _Building(python, laid, scratch, wanted).go(asked)
        report = Judging(found, inputs, laid, answer, tolerance).report(
            hardware(),
            environment=wanted.kind,
            notes=(*laid.notes, *(made.notes if made else ()), *answer.notes),
            rtol=wanted.rtol,
            atol=wanted.atol,
            packages=len(answer.environment.packages),
            environment_seconds=round(began - started, 3),
            seconds=round(time.monotonic() - began, 3),
            folder=str(wanted.folder or ""),
        )
        if wanted.folder is not None:
            write_atomic(work / REPORT, msgspec.json.format(msgspec.json.encode(report), indent=2))
    return report


@contextmanager
def _place(folder: Path | None) -> Iterator[tuple[Path, Path]]:
    """Lend the folder to build in, and one for what is needed meanwhile."""
    with tempfile.TemporaryDirectory(prefix="mlops-reproduce-", ignore_cleanup_errors=True) as scratch:
        place = Path(scratch).resolve()
        yield laying.empty(folder if folder is not None else place / "rebuilt"), place


def _environment(found: Origin, wanted: Options, scratch: Path) -> fresh.Fresh | None:
    if wanted.kind == "current":
        return None
    wanted.tell("making the environment")
    modules = cache_key.imported_names(
        cell.source for cell in found.notebook.cells if cell.cell_type == "code"
    )
    pins = found.environment.packages
    needed = (environment.canonical(text.partition("==")[0]) for text in found.requirements)
    return fresh.create(
        scratch / "environment",
        found.environment,
        {*fresh.wanted_of(modules, pins), *needed},
        everything=wanted.everything,
        kernel=found.notebook.kernel,
    )


def _request(store: Store, found: Origin, laid: Laid, wanted: Options) -> Request:
    return Request(
        notebook=str(laid.notebook),
        stages={
            name: Left(outputs=execution.outputs, product=_product(store, execution.product))
            for name, execution in found.executions.items()
        },
        params=found.run.params,
        name=found.version.name,
        stage=found.stage,
        place=found.place,
        conditions=found.conditions,
        metrics=found.metrics,
        model=str(found.model or ""),
        rtol=wanted.rtol,
        atol=wanted.atol,
        jobs=wanted.jobs,
    )


def _product(store: Store, digest: str) -> str:
    """Return the file of a recorded product; one that is gone is missed only where it is to be compared."""
    return str(store.objects.path(digest)) if store.objects.has(digest) else ""


class _Building:
    """Run the stages in the chosen environment, in a process of their own."""

    def __init__(self, python: Path, laid: Laid, scratch: Path, wanted: Options) -> None:
        self._python = python
        self._laid = laid
        self._scratch = scratch
        self._wanted = wanted

    def go(self, asked: Request) -> Answer:
        request, answer, log = (self._scratch / name for name in ("request.json", "answer.json", "build.log"))
        request.write_bytes(msgspec.json.encode(asked))
        # The notebook's folder isn't on the path: a file of it could be taken for a library.
        command = [str(self._python), "-P", "-m", rebuild.__name__, str(request), str(answer)]
        with log.open("wb") as errors, self._started(command, errors) as process:
            try:
                for line in process.stdout or ():
                    step = msgspec.json.decode(line, type=Step)
                    if self._wanted.on_step is not None:
                        self._wanted.on_step(step.label, step.done, step.total)
            except BaseException:
                # It ends its kernels first; who can't wait for it presses Ctrl-C once more.
                process.terminate()
                try:
                    process.wait(_PATIENCE)
                except (subprocess.TimeoutExpired, KeyboardInterrupt):
                    process.kill()
                raise
        if process.returncode or not answer.is_file():
            said = log.read_text(errors="replace").strip().splitlines()[-1:] or ["it ended without a word"]
            raise StageFailedError(
                f"the new build of {asked.name} broke off: {said[0][:_MOST_TOLD]}",
                hint="use -o FOLDER to look at what was laid out",
            )
        return msgspec.json.decode(answer.read_bytes(), type=Answer)

    def _started(self, command: list[str], errors: BinaryIO) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=self._laid.notebook.parent,
            env=self._variables(),
            stdout=subprocess.PIPE,
            stderr=errors,
        )

    def _variables(self) -> dict[str, str]:
        """Return the environment: nothing leads to the project that the record is from."""
        fresh_one = self._wanted.kind == "fresh"
        variables = fresh.clean(os.environ) if fresh_one else dict(os.environ)
        variables = {name: value for name, value in variables.items() if not name.startswith(project.PREFIX)}
        defaults = project.Settings(root=self._laid.root)
        # Set outright, they win over whatever file of that name the notebook itself reads.
        variables |= {project.PREFIX + key.upper(): str(getattr(defaults, key)) for key in _PLACES}
        variables[project.ROOT_VARIABLE] = str(self._laid.root)
        variables[recorded.VARIABLE] = str(self._scratch / _DATASETS)
        if fresh_one:
            variables["PATH"] = os.pathsep.join([str(self._python.parent), variables.get("PATH", "")])
            variables["VIRTUAL_ENV"] = str(self._python.parent.parent)
            variables["PYTHONNOUSERSITE"] = "1"
        return variables
