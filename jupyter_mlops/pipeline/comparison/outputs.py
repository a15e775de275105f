"""Compare what cells printed and displayed, without what differs from process to process: addresses, times, counters."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_mlops.pipeline.comparison.values import Tolerance, number_differs, shown

Output = Mapping[str, Any]
Shown = list[tuple[str, Any]]

_number_pattern = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|\binf\b|\bnan\b)"
_number = re.compile(_number_pattern)
_ansi = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_duration = r"[\d.,]+\s?(?:ns|[uµμ]s|ms|s|min|h|d)\b(?:\s?[\d.,]+\s?(?:ns|[uµμ]s|ms|s|min|h)\b)*"
# Each pattern with what stands for it: the order counts.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.MULTILINE), replacement)
    for pattern, replacement in (
        (r"\b0x[0-9a-fA-F]{6,}\b", "0x…"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<uuid>"),
        (r"\b\d{8}-\d{6}-[0-9a-f]{6}\b", "<run>"),
        # %time, %timeit and progress bars
        (r"^(?:CPU times|Wall time|Compiler time|Parser)\b.*$", "<time>"),
        (rf"^{_duration} ± .*per loop.*$", "<time>"),
        (r"^\d+ loops?, best of .*$|^The slowest run took .*$|^.*per loop \(mean ± std.*$", "<time>"),
        (r"<TimeitResult : .*>", "<TimeitResult>"),
        (r"^peak memory: .*$|^.*\bincrement: [\d.]+ MiB.*$", "<memory>"),
        (r"\s*\d+ function calls .*in [\d.]+ seconds.*", "<profile>"),
        (r"^ +\d+(?:/\d+)? +\d+\.\d+ +\d+\.\d+ +\d+\.\d+ +\d+\.\d+ .*\n?", ""),
        (r"\[?\b\d+:\d\d(?::\d\d)?(?:<(?:\d+:\d\d(?::\d\d)?|\?))?,? *[\d.?]*\s?(?:it|s|B|kB|MB|[a-zA-Z]+)/(?:it|s|[a-zA-Z]+)\]?", "<rate>"),
        # when statsmodels wrote a summary
        (r"(\bDate:[ \t]*(?:</?t[hd][^>]*>[ \t]*)*)\w{3}, \d\d \w{3} \d{4}", r"\1<date>"),
        (r"(\bTime:[ \t]*(?:</?t[hd][^>]*>[ \t]*)*)\d\d:\d\d:\d\d", r"\1<time>"),
        # where IPython keeps a cell's code, and which one it is
        (r"\S*ipykernel_\d+[/\\]\d+\.py", "<cell>"),
        (r"<ipython-input-[^>]*>", "<cell>"),
        (r"\b(?:Cell )?In\s?\[\d+\]", "In [ ]"),
        (r"\bOut\s?\[\d+\]", "Out[ ]"),
        # counters and draws of libraries' HTML and SVG
        (r"\bsk-(container|estimator)-id-\d+", r"sk-\1-id"),
        (r"\bT_[0-9a-f]{5}", "T_"),
        (r"<dc:date>[^<]*</dc:date>", "<dc:date/>"),
        (r"((?:id|xlink:href|href|clip-path)=\"(?:url\()?#?[A-Za-z_]{0,8})[0-9a-f]{8,}", r"\1"),
        # the circumstances of a logged version
        (r"\b(created_at|author|run_id|stage|mlflow_run|bundle)='[^']*'", r"\1=…"),
        (r"\bparents=\([^)]*\)", "parents=…"),
    )
)  # fmt: skip
_MIME_ORDER = (
    "image/png",
    "image/jpeg",
    "image/svg+xml",
    "text/html",
    "text/markdown",
    "text/latex",
    "text/plain",
)
_warning = re.compile(
    r"^(?P<where>\S.*?):\d+: (?P<category>\w*(?:Warning|Error)): .*$(?:\n(?:[ \t]+\S.*|[ \t]*)$)*\n?",
    re.MULTILINE,
)


@dataclass
class Reader:
    """Put outputs of one run into a form that can be compared; warnings that were shown before are left out.

    Python shows a warning once a process; in a pipeline each stage is one.

    Args:
        paths: texts that stand for a place, such as the folder of a project made for the occasion.
    """

    paths: Mapping[str, str] = field(default_factory=dict)
    _warned: set[str] = field(default_factory=set)

    def read(self, outputs: Sequence[Output]) -> Shown:
        """Return what a cell showed: standard output, standard error, then displays in order."""
        streams = {"stdout": "", "stderr": ""}
        displays: list[tuple[str, Any]] = []
        for output in outputs:
            kind = output.get("output_type")
            if kind == "stream":
                name = str(output.get("name", "stdout"))
                streams[name] = streams.get(name, "") + joined(output.get("text", ""))
            elif kind == "error":
                value = f"{output.get('ename')}: {output.get('evalue')}"
                displays.append(("error", self.plain(value)))
            elif kind in ("display_data", "execute_result"):
                displays.append(self._display(output.get("data", {})))
        shown_streams = [
            (name, self._stderr(text) if name == "stderr" else self.plain(text))
            for name, text in streams.items()
        ]
        return [(name, text) for name, text in shown_streams if text] + displays

    def plain(self, text: str) -> str:
        """Return a text without what differs from process to process."""
        text = _overwritten(_ansi.sub("", text))
        for path, name in self.paths.items():
            text = text.replace(path, name)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return "\n".join(line.rstrip() for line in text.splitlines())

    def _stderr(self, text: str) -> str:
        def once(found: re.Match[str]) -> str:
            warning = self.plain(found[0])
            if warning in self._warned:
                return ""
            self._warned.add(warning)
            return found[0]

        return self.plain(_warning.sub(once, text))

    def _display(self, data: Mapping[str, Any]) -> tuple[str, Any]:
        read = {}
        for mime, content in data.items():
            if isinstance(content, str | list):
                text = joined(content)
                read[mime] = text if mime in ("image/png", "image/jpeg") else self.plain(text)
            else:
                read[mime] = self.plain(json.dumps(content, sort_keys=True, indent=1))
        return "display", read


def compare(left: Shown, right: Shown, tolerance: Tolerance) -> str:
    """Say what differs between what a cell showed in the notebook and in the pipeline; empty where nothing does."""
    for index in range(max(len(left), len(right))):
        mine = left[index] if index < len(left) else None
        other = right[index] if index < len(right) else None
        if mine is None or other is None or mine[0] != other[0]:
            return _only_one(mine, other)
        kind, content = mine
        if kind == "display":
            differs = _displays(content, other[1], tolerance)
        else:
            differs = text_differs(content, other[1], tolerance)
        if differs:
            return _PREFIXES.get(kind, "") + differs
    return ""


_ORDER = {"stdout": 0, "stderr": 1, "display": 2, "error": 3}
_VERBS = {"stdout": "prints", "stderr": "writes to stderr", "error": "raises", "display": "displays"}
_PREFIXES = {"stdout": "printed: ", "stderr": "on stderr: ", "error": "raised: "}


def settled(first: Shown, second: Shown, other: Shown) -> Shown:
    """Return what a pipeline's cell showed, with the notebook's own words where its two runs don't agree.

    So that a cell that prints the time is still compared in everything else that it prints.
    """
    kinds = [[kind for kind, _ in side] for side in (first, second, other)]
    if kinds[0] != kinds[1] or kinds[0] != kinds[2]:
        return first
    merged: Shown = []
    for (kind, one), (_, two), (_, three) in zip(first, second, other, strict=True):
        if kind == "display":
            same = set(one) == set(two) == set(three)
            content = (
                {mime: _settled_text(one[mime], two[mime], three[mime]) for mime in one} if same else one
            )
            merged.append((kind, content))
        else:
            merged.append((kind, _settled_text(one, two, three)))
    return merged


def _settled_text(first: str, second: str, other: str) -> str:
    if first == second:
        return other
    lines = first.splitlines(), second.splitlines(), other.splitlines()
    if len({len(side) for side in lines}) > 1:
        return first
    return "\n".join(three if one == two else one for one, two, three in zip(*lines, strict=True))


def text_differs(left: str, right: str, tolerance: Tolerance) -> str:
    """Say which line differs first; numbers may differ by the tolerance."""
    if left == right:
        return ""
    mine, other = left.splitlines(), right.splitlines()
    for index, (one, two) in enumerate(zip(mine, other, strict=False), start=1):
        if one != two and not (not tolerance.exact and _close(one, two, tolerance)):
            return f"line {index}: {_part(one, two)} in the notebook, {_part(two, one)} in the pipeline"
    if len(mine) != len(other):
        longer, where = (mine, "notebook") if len(mine) > len(other) else (other, "pipeline")
        extra = longer[min(len(mine), len(other))]
        return f"{len(mine)} lines in the notebook, {len(other)} in the pipeline; only in the {where}: {shown(extra)}"
    return ""


def joined(text: Any) -> str:
    """Return a notebook's text, which may be a list of lines."""
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def _only_one(mine: tuple[str, Any] | None, other: tuple[str, Any] | None) -> str:
    """Say what only one of the two showed; streams come before displays, so a stream is the extra one."""
    extra_is_mine = other is None or (mine is not None and _ORDER[mine[0]] < _ORDER[other[0]])
    item, where = (mine, "notebook") if extra_is_mine else (other, "pipeline")
    kind, content = item or ("display", {})
    text = content.get("text/plain", next(iter(content), "")) if kind == "display" else content
    return f"only the {where} {_VERBS[kind]} {shown(text)}"


def _displays(left: Mapping[str, Any], right: Mapping[str, Any], tolerance: Tolerance) -> str:
    if set(left) != set(right):
        return f"displayed as {', '.join(sorted(left))} in the notebook, {', '.join(sorted(right))} in the pipeline"
    rest = [mime for mime in left if mime not in _MIME_ORDER]
    for mime in [mime for mime in _MIME_ORDER if mime in left] + sorted(rest):
        if left[mime] == right[mime]:
            continue
        if mime in ("image/png", "image/jpeg"):
            differs = _pictures(left[mime], right[mime])
        else:
            differs = text_differs(left[mime], right[mime], tolerance)
        if differs:
            return f"displayed {mime}: {differs}"
    return ""


def _pictures(left: str, right: str) -> str:
    import io

    import numpy as np

    try:
        from PIL import Image

        mine, other = (
            np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGBA"))
            for text in (left, right)
        )
    except (ImportError, ValueError, OSError):
        return "the bytes differ"
    if mine.shape != other.shape:
        return f"{mine.shape[1]}x{mine.shape[0]} pixels in the notebook, {other.shape[1]}x{other.shape[0]} in the pipeline"
    differ = (mine != other).any(axis=-1)
    return f"{int(differ.sum())} of {differ.size} pixels differ" if differ.any() else ""


def _close(left: str, right: str, tolerance: Tolerance) -> bool:
    """Say whether two lines differ in numbers only, and by no more than they may."""
    if _number.sub("#", left).split() != _number.sub("#", right).split():
        return False
    pairs = zip(_number.findall(left), _number.findall(right), strict=True)
    return not any(number_differs(float(mine), float(other), tolerance) for mine, other in pairs)


def _overwritten(text: str) -> str:
    """Return what is left on a terminal after carriage returns and backspaces, as progress bars use them."""
    while "\b" in text:
        shorter = re.sub(r"[^\n\b]\x08", "", text).lstrip("\b")
        if shorter == text:
            text = text.replace("\b", "")
        text = shorter if shorter != text else text
    if "\r" not in text:
        return text
    lines = []
    for line in text.replace("\r\n", "\n").split("\n"):
        parts = [part for part in line.split("\r") if part]
        lines.append(parts[-1] if parts else "")
    return "\n".join(lines)


def _part(line: str, other: str, width: int = 60) -> str:
    """Return the part of a long line where it begins to differ from another."""
    if len(line) <= width:
        return repr(line)
    start = next(
        (i for i, (a, b) in enumerate(zip(line, other, strict=False)) if a != b), min(len(line), len(other))
    )
    start = max(0, min(start - 15, len(line) - width))
    return repr(
        f"{'…' if start else ''}{line[start : start + width]}{'…' if start + width < len(line) else ''}"
    )
