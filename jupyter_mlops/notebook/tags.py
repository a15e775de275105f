"""What a cell is for: the tag in its first line (``%%mlops …``) or in its metadata, which mean the same."""

from __future__ import annotations

import math
import re
import shlex
from typing import Any, Literal, get_args

from jupyter_mlops.errors import NotFoundError, UsageError
from jupyter_mlops.records.base import Value
from jupyter_mlops.records.pipeline import StageOptions

Kind = Literal["stage", "params", "setup", "skip", "gate", "card", "expect"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# What these say is about a model or a dataset, and none of it is Python.
ABOUT: dict[Kind, Literal["model", "dataset"]] = {"gate": "model", "card": "model", "expect": "dataset"}
MAGIC = "%%mlops"
PARAMETERS = ("parameters", "injected-parameters")
OPTIONS = ("--after", "--retries", "--timeout", "--memory", "--gpu", "--no-cache")
FIELDS = ("after", "retries", "timeout", "memory", "gpu", "cache")

_first_line = re.compile(
    r"(?P<blank>(?:[ \t]*\r?\n)*)[ \t]*%%mlops(?P<arguments>(?:[ \t][^\n]*)?)(?P<end>\r?\n|\Z)"
)
_stage_name = re.compile(r"\w[\w-]{0,63}")
_model_name = re.compile(r"\w[\w.-]{0,127}")
_duration = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?")
_seconds = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_bytes = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


class Tag(Value, frozen=True, kw_only=True):
    """Say what a cell is for; ``name`` is a stage's name, or what a gate, card or expectation is about, ``options`` are a stage's."""

    kind: Kind
    name: str = ""
    options: StageOptions = StageOptions()


def parse_arguments(text: str) -> Tag:
    """Read what stands behind ``%%mlops``: ``stage train --after load --retries 2 --timeout 10m --gpu --no-cache``.

    Raises:
        UsageError: for a kind, option or value that isn't one; it names what comes near.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{MAGIC} {text.strip()}: {error}", hint="close the quotation mark") from None
    if not words:
        raise UsageError(f"{MAGIC} says nothing", hint=f"write {MAGIC} and one of {', '.join(KINDS)}")
    kind = _kind(words[0])
    names, given = _split_options(kind, words[1:])
    return _tag(kind, names, given)


def of_cell(source: str, metadata: dict[str, Any]) -> Tag | None:
    """Return a cell's tag: the first line wins over the metadata.

    Raises:
        UsageError: when there is a tag that can't be understood.
    """
    found = _first_line.match(source)
    if found:
        return parse_arguments(found["arguments"])
    if metadata.get("mlops") is not None:
        return _of_metadata(metadata["mlops"])
    tags = metadata.get("tags")
    if isinstance(tags, list) and any(name in tags for name in PARAMETERS):
        return Tag(kind="params")
    return None


def of_markdown(metadata: dict[str, Any]) -> Tag | None:
    """Return the tag of a Markdown cell: it can be the text of a model's card, and nothing else.

    Raises:
        UsageError: when it is one that doesn't name its model.
    """
    inner = metadata.get("mlops")
    return _of_metadata(inner) if isinstance(inner, dict) and inner.get("kind") == "card" else None


def to_metadata(tag: Tag) -> dict[str, Any]:
    """Return the cell metadata that means ``tag``: ``{"mlops": {…}}``, or papermill's own tag for params."""
    if tag.kind == "params":
        return {"tags": [PARAMETERS[0]]}
    inner: dict[str, Any] = {"kind": tag.kind}
    if tag.kind in ABOUT:
        inner[ABOUT[tag.kind]] = tag.name
    elif tag.kind == "stage":
        inner["name"] = tag.name
        options = tag.options
        shown = {
            "after": list(options.after),
            "retries": options.retries,
            "timeout": None if options.timeout is None else _format_duration(options.timeout),
            "memory": None if options.memory is None else _format_memory(options.memory),
            "gpu": options.gpu,
        }
        inner.update({key: value for key, value in shown.items() if value})
        if not options.cache:
            inner["cache"] = False
    return {"mlops": inner}


def to_magic(tag: Tag) -> str:
    """Return the first line that means ``tag``, without a line end."""
    words = [MAGIC, tag.kind, *([tag.name] if tag.name else [])]
    options = tag.options
    for name in options.after:
        words += ["--after", name]
    if options.retries:
        words += ["--retries", str(options.retries)]
    if options.timeout is not None:
        words += ["--timeout", _format_duration(options.timeout)]
    if options.memory is not None:
        words += ["--memory", _format_memory(options.memory)]
    words += ["--gpu"] * options.gpu + ["--no-cache"] * (not options.cache)
    return " ".join(words)


def untagged(source: str) -> str:
    """Return the cell without its tag.

    The line becomes a comment, so that line numbers stay; where the next line is another cell magic, which only
    works in first place, it goes.
    """
    found = _first_line.match(source)
    if not found:
        return source
    rest = source[found.end() :]
    if rest.lstrip().startswith("%%"):
        return rest.lstrip()
    return f"{found['blank']}# {MAGIC}{found['arguments']}{found['end']}{rest}"


def conditions(body: str) -> tuple[str, ...]:
    """Return a gate's conditions: the lines of its body that are neither empty nor comments, nor its tag."""
    lines = (line.strip() for line in body.splitlines())
    return tuple(line for line in lines if line and not line.startswith(("#", MAGIC)))


def body(source: str) -> str:
    """Return what stands below the tag's line, or all of a cell that has none."""
    found = _first_line.match(source)
    return source[found.end() :] if found else source


def check_name(name: str) -> str:
    """Return ``name`` where it can name a stage.

    Raises:
        UsageError: when it can't be a file's name on every system.
    """
    if not _stage_name.fullmatch(name):
        raise UsageError(
            f"{name!r} can't name a stage", hint="use letters, digits, _ and -, 64 of them at most"
        )
    return name


def parse_duration(text: str) -> float:
    """Return the seconds in ``90``, ``90s``, ``10m``, ``1.5h`` or ``1d``.

    Raises:
        UsageError: when it isn't a time above zero.
    """
    text = text.strip().lower()
    unit = _seconds.get(text[-1:], 0.0)
    number = text[:-1] if unit else text
    seconds = float(number) * (unit or 1.0) if _duration.fullmatch(number) else 0.0
    if not (0 < seconds < math.inf):
        raise UsageError(f"{text!r} is not a time", hint="write 90s, 10m or 2h")
    return seconds


def parse_memory(text: str) -> int:
    """Return the bytes in ``4GB``, ``4G``, ``512MB`` or a plain number; units are powers of 1024.

    Raises:
        UsageError: when it isn't an amount of at least a byte.
    """
    number = text.strip().lower().removesuffix("b")
    unit = _bytes.get(number[-1:], 0)
    number = number[:-1] if unit else number
    amount = float(number) * (unit or 1) if _duration.fullmatch(number) else 0.0
    if not (1 <= amount < math.inf):
        raise UsageError(f"{text!r} is not an amount of memory", hint="write 512MB or 4GB")
    return int(amount)


def _kind(word: str) -> Kind:
    for kind in KINDS:
        if word == kind:
            return kind
    near = NotFoundError.of(f"{MAGIC} kind", word, KINDS)
    raise UsageError(near.message, hint=near.hint if near.details["near"] else f"one of {', '.join(KINDS)}")


def _split_options(kind: Kind, words: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Return the plain words, and the options by field name."""
    names: list[str] = []
    given: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            names.append(word)
            continue
        option, equals, value = word.partition("=")
        _known_option(kind, option)
        if option in ("--gpu", "--no-cache"):
            given["gpu" if option == "--gpu" else "cache"] = option == "--gpu"
            continue
        value = value if equals else next(rest, "")
        if not value or value.startswith("--"):
            raise UsageError(f"{option} needs a value", hint=f"write {option} {_EXAMPLES[option]}")
        if option == "--after":
            given.setdefault("after", []).extend(value.split(","))
        else:
            given[option.removeprefix("--")] = value
    return names, given


_EXAMPLES = {"--after": "load", "--retries": "2", "--timeout": "10m", "--memory": "4GB"}


def _known_option(kind: Kind, option: str) -> None:
    if kind != "stage":
        raise UsageError(f"{MAGIC} {kind} takes no option {option}", hint="only stages have options")
    if option not in OPTIONS:
        near = NotFoundError.of("option", option, OPTIONS)
        raise UsageError(f"{MAGIC} stage has no option {option}", hint=near.hint)


def _tag(kind: Kind, names: list[str], given: dict[str, Any]) -> Tag:
    if kind == "stage" or kind in ABOUT:
        if not names:
            what = ABOUT.get(kind, "name of the stage")
            raise UsageError(f"{MAGIC} {kind} lacks the {what}", hint=f"write {MAGIC} {kind} NAME")
        name, extra = names[0], names[1:]
    else:
        name, extra = "", names
    if extra:
        raise UsageError(f"{MAGIC} {kind}: {extra[0]!r} is one word too many", hint="leave it out")
    if kind == "stage":
        return Tag(kind=kind, name=check_name(name), options=_options(given))
    if kind in ABOUT and not _model_name.fullmatch(name):
        raise UsageError(f"{name!r} can't name a {ABOUT[kind]}", hint="use letters, digits, _, - and .")
    return Tag(kind=kind, name=name)


def _options(given: dict[str, Any]) -> StageOptions:
    after = given.get("after", [])
    after = [after] if isinstance(after, str) else after
    if not isinstance(after, list | tuple) or not all(isinstance(name, str) for name in after):
        raise UsageError("after is not a list of stages", hint='write ["load"]')
    timeout = given.get("timeout")
    if timeout is not None:
        if isinstance(timeout, bool) or not isinstance(timeout, int | float | str):
            raise UsageError(f"timeout is {timeout!r}, not a time", hint='write "10m" or seconds')
        timeout = parse_duration(str(timeout))
    memory = given.get("memory")
    if memory is not None:
        if isinstance(memory, bool) or not isinstance(memory, int | float | str):
            raise UsageError(f"memory is {memory!r}, not an amount", hint='write "4GB" or bytes')
        memory = parse_memory(str(memory))
    for field in ("gpu", "cache"):
        if not isinstance(given.get(field, True), bool):
            raise UsageError(f"{field} is {given[field]!r}, not true or false", hint="write true or false")
    return StageOptions(
        after=tuple(dict.fromkeys(check_name(name) for name in after)),
        retries=_retries(given.get("retries", 0)),
        timeout=timeout,
        memory=memory,
        gpu=given.get("gpu", False),
        cache=given.get("cache", True),
    )


def _retries(value: Any) -> int:
    text = "" if isinstance(value, bool) else str(value)
    if not re.fullmatch(r"[0-9]{1,3}", text):
        raise UsageError(f"retries is {value!r}, not a number from 0 to 999", hint="write --retries 2")
    return int(text)


def _of_metadata(inner: Any) -> Tag:
    if not isinstance(inner, dict) or not isinstance(inner.get("kind"), str):
        raise UsageError(
            "metadata mlops has no kind", hint='write {"mlops": {"kind": "stage", "name": "train"}}'
        )
    kind = _kind(inner["kind"])
    key = ABOUT.get(kind, "name")
    allowed: tuple[str, ...] = ("kind", key) if kind in ABOUT else ("kind",)
    if kind == "stage":
        allowed = ("kind", "name", *FIELDS)
    for field in inner:
        if field not in allowed:
            near = NotFoundError.of("field", str(field), allowed)
            raise UsageError(f"metadata mlops of kind {kind} has no field {field!r}", hint=near.hint)
    name = inner.get(key)
    if name is not None and not isinstance(name, str):
        raise UsageError(f"metadata mlops: {key} is {name!r}, not text", hint="put it in quotes")
    given = {field: inner[field] for field in FIELDS if inner.get(field) is not None}
    return _tag(kind, [name] if name else [], given)


def _format_duration(seconds: float) -> str:
    for unit in ("h", "m"):
        if seconds % _seconds[unit] == 0:
            return f"{int(seconds // _seconds[unit])}{unit}"
    return f"{int(seconds)}s" if seconds == int(seconds) else f"{seconds!r}s"


def _format_memory(amount: int) -> str:
    for unit in ("t", "g", "m", "k"):
        if amount % _bytes[unit] == 0:
            return f"{amount // _bytes[unit]}{unit.upper()}B"
    return str(amount)
