"""Measure a version as clients will meet it: the serving process itself, on its bundle, asked over HTTP.

Nothing of it is put on record: the process logs its predictions to a folder that goes with it.
"""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import msgspec
import pandas as pd

from jupyter_mlops.evaluation import latency, load
from jupyter_mlops.evaluation.rows import NotMeasurableError
from jupyter_mlops.evaluation.system import SystemFigure
from jupyter_mlops.serving.guard import TOKEN_VARIABLE
from jupyter_mlops.store import stamp
from jupyter_mlops.workflows import tied
from jupyter_mlops.workflows.serve import ONE_THREAD

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from jupyter_mlops.records.model import ModelVersion, Signature
    from jupyter_mlops.store.opened import Store

BATCHES = (1, 64, 1024)
# One client's calls for latency; so many clients at a time for throughput.
CALLS, FEWEST, SECONDS = 1_000, 20, 3.0
CLIENTS = 16
THROUGHPUT_SECONDS = 1.0
WARM_UP_CALLS, WARM_UP_SECONDS = 50, 1.0
# Loading a model can take long, from a slow disk say.
START_SECONDS = 120
_MOST = 1_000_000


class Served:
    """Hold a serving process of one version, from ``start`` to ``close``, and ask it about the test rows."""

    def __init__(self, store: Store, model: ModelVersion, rows: pd.DataFrame | NDArray[Any]) -> None:
        """Prepare to serve ``model``; ``rows`` are what it will be asked about, as it takes them."""
        self._store = store
        self._model = model
        self._rows = rows
        self._folder = tempfile.TemporaryDirectory(prefix="jupyter-mlops-")
        self._process: subprocess.Popen[bytes] | None = None
        self._times: dict[int, NDArray[np.float64]] = {}
        self._rates: dict[int, SystemFigure] = {}

    def start(self) -> None:
        """Start the process and go on; whoever asks it first waits until it is ready."""
        folder, model = Path(self._folder.name), self._model
        arguments = ["--bundle", str(self._store.bundles.path(model.bundle))]
        arguments += ["--keys", str(self._store.keys.folder), "--log", str(folder / "predictions.db")]
        arguments += ["--deployment", "gate", "--model", model.name, "--version", str(model.version)]
        environment = {**ONE_THREAD, **os.environ}
        for secret in (TOKEN_VARIABLE, stamp.TOKEN_VARIABLE):
            environment.pop(secret, None)
        with (folder / "stderr").open("wb") as stderr:
            self._process = subprocess.Popen(
                tied.command("jupyter_mlops.serving", *arguments, "--port", "0"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment,
            )

    def close(self) -> None:
        """End the process and forget what it wrote."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
        self._folder.cleanup()

    def latency(self, percent: float, batch: int = 1) -> SystemFigure:
        """Return a percentile of one client's calls of ``batch`` rows, warm-up apart, in milliseconds.

        Raises:
            NotMeasurableError: when the process doesn't start, or can't answer.
        """
        if batch not in self._times:
            requests = self._requests(batch)
            self._warm_up(requests, 1)
            calls = load.drive(self._address, requests, clients=1, seconds=SECONDS, most=CALLS, fewest=FEWEST)
            self._times[batch] = latency.milliseconds(calls)
        return latency.percentile(self._times[batch], percent)

    def throughput(self, batch: int | None = None) -> SystemFigure:
        """Return rows a second of many clients at a time that ask ``batch`` rows each; without it the best of a few.

        Raises:
            NotMeasurableError: when the process doesn't start, or can't answer.
        """
        if batch is None:
            return latency.best([self.throughput(each) for each in BATCHES])
        if batch not in self._rates:
            requests = self._requests(batch)
            self._warm_up(requests, CLIENTS)
            calls = load.drive(
                self._address, requests, clients=CLIENTS, seconds=THROUGHPUT_SECONDS, most=_MOST
            )
            self._rates[batch] = latency.rate(calls, batch)
        return self._rates[batch]

    def memory(self) -> SystemFigure:
        """Return the most memory that the process has had, after requests of all sizes, in megabytes.

        Raises:
            NotMeasurableError: when the system doesn't say, or the process can't answer.
        """
        for batch in BATCHES:
            self._warm_up(self._requests(batch)[:1], 1)
        peak = _peak_bytes(self._started.pid)
        return SystemFigure(peak / 1e6, note="resident memory of the serving process at its peak")

    @cached_property
    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self.start()
        return cast("subprocess.Popen[bytes]", self._process)

    @cached_property
    def _address(self) -> load.Address:
        output = cast("IO[bytes]", self._started.stdout)
        ready, _, _ = select.select([output], [], [], START_SECONDS)
        line = output.readline().decode(errors="replace") if ready else ""
        _, found, url = line.partition(" at ")
        if not found:
            said = (Path(self._folder.name) / "stderr").read_text(errors="replace").strip().splitlines()
            reason = said[-1][:300] if said else f"it wasn't ready in {START_SECONDS} seconds"
            raise NotMeasurableError(f"the serving process didn't start: {reason}")
        place = urlsplit(url.strip())
        return str(place.hostname), int(place.port or 0)

    def _warm_up(self, requests: list[bytes], clients: int) -> None:
        load.drive(
            self._address, requests, clients=clients, seconds=WARM_UP_SECONDS, most=WARM_UP_CALLS, fewest=1
        )

    def _requests(self, batch: int) -> list[bytes]:
        path = f"/v2/models/{self._model.name}/infer"
        starts = range(0, min(len(self._rows), CALLS * batch), batch)[: CALLS if batch == 1 else CLIENTS]
        places = [[place % len(self._rows) for place in range(start, start + batch)] for start in starts]
        return [
            load.post(self._address, path, body(_taken(self._rows, place), self._model.signature))
            for place in places
        ]


def body(rows: Any, signature: Signature) -> bytes:
    """Return a request of the Open Inference Protocol for ``rows``, asking for what ``predict`` answers."""
    if signature.layout == "array":
        (tensor,) = signature.inputs
        cells = _cells(pd.Series(rows.ravel()), tensor.datatype)
        inputs = [_input(tensor.name, tensor.datatype, list(rows.shape), cells)]
    else:
        inputs = [
            _input(tensor.name, tensor.datatype, [len(rows)], _cells(rows[tensor.name], tensor.datatype))
            for tensor in signature.inputs
        ]
    asked = [{"name": "predict"}] if any(output.name == "predict" for output in signature.outputs) else []
    return msgspec.json.encode({"inputs": inputs, "outputs": asked})


def _taken(rows: Any, place: list[int]) -> Any:
    return rows.iloc[place] if hasattr(rows, "iloc") else rows[place]


def _input(name: str, datatype: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def _cells(column: pd.Series[Any], datatype: str = "") -> list[Any]:
    missing = column.isna().to_numpy()
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        values = [time.isoformat() for time in column]
    else:
        values = column.astype(object).tolist()
        if datatype == "BYTES":
            values = [str(value) for value in values]
    return [None if gone else value for gone, value in zip(missing, values, strict=True)]


def _peak_bytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        raise NotMeasurableError("this system doesn't say how much memory a process has had") from None
    (peak,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peak.split()[1]) * 1024
