"""What Prometheus reads: counters and histograms in its text format."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ROWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0)


class Histogram:
    """Count observations in buckets; ``bounds`` are their upper ends, included."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def lines(self, name: str, labels: str) -> list[str]:
        """Return the lines of the exposition; counts are cumulative there."""
        lines, seen = [], 0
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            seen += count
            edge = "+Inf" if bound == float("inf") else f"{bound:g}"
            lines.append(f'{name}_bucket{{{labels},le="{edge}"}} {seen}')
        return [*lines, f"{name}_sum{{{labels}}} {self.total:.9g}", f"{name}_count{{{labels}}} {seen}"]


class Metrics:
    """Hold the figures of one deployment; used from the event loop alone."""

    def __init__(self, model: str, version: int, deployment: str) -> None:
        self._labels = f'model="{_escape(model)}",version="{version}"'
        self._deployment = _escape(deployment)
        self._requests: Counter[tuple[str, int]] = Counter()
        self._rows = 0
        self._told = 0
        self._seconds = Histogram(SECONDS)
        self._batches = Histogram(ROWS)

    def request(self, protocol: str, status: int, seconds: float, rows: int) -> None:
        """Count one request for a prediction; ``rows`` is 0 where it wasn't answered."""
        self._requests[protocol, status] += 1
        self._rows += rows
        self._seconds.observe(seconds)

    def explanation(self, status: int) -> None:
        """Count one request for an explanation; how long it takes says nothing about predictions."""
        self._requests["explain", status] += 1

    def told(self, labels: int) -> None:
        """Count labels that were new."""
        self._told += labels

    def batch(self, rows: int) -> None:
        """Count one batch that went to the model."""
        self._batches.observe(rows)

    def render(self) -> str:
        """Return the exposition."""
        labels = self._labels
        lines = [
            *_head("mlops_model_info", "gauge", "The model version that is served."),
            f'mlops_model_info{{{labels},deployment="{self._deployment}"}} 1',
            *_head(
                "mlops_requests_total",
                "counter",
                "Requests for predictions and explanations, by protocol and HTTP status.",
            ),
        ]
        lines += [
            f'mlops_requests_total{{{labels},protocol="{protocol}",status="{status}"}} {count}'
            for (protocol, status), count in sorted(self._requests.items())
        ]
        lines += [
            *_head("mlops_predicted_rows_total", "counter", "Rows predicted, logged and answered."),
            f"mlops_predicted_rows_total{{{labels}}} {self._rows}",
            *_head(
                "mlops_labels_total", "counter", "Labels told of what came true, new or other than before."
            ),
            f"mlops_labels_total{{{labels}}} {self._told}",
            *_head("mlops_request_seconds", "histogram", "Time from a request's arrival to its answer."),
            *self._seconds.lines("mlops_request_seconds", labels),
            *_head("mlops_batch_rows", "histogram", "Rows that went to the model together."),
            *self._batches.lines("mlops_batch_rows", labels),
        ]
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
