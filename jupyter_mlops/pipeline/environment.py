"""What the code runs on: the interpreter and the installed packages."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections import deque
from functools import cache
from typing import TYPE_CHECKING

from jupyter_mlops.records.base import digest_of
from jupyter_mlops.records.run import Environment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import Distribution

OURS = "jupyter-mlops"
_INFO = ".dist-info"
_separators = re.compile(r"[-_.]+")


@cache
def snapshot() -> Environment:
    """Return the interpreter, and name and version of every installed distribution."""
    packages = dict(sorted(_installed()))
    python, system = platform.python_version(), f"{sys.platform}-{platform.machine()}"
    return Environment(
        python=python, platform=system, packages=packages, digest=digest_of([python, system, packages])
    )


def lock(modules: Iterable[str]) -> str:
    """Return the text of a ``requirements.txt``: the distributions behind ``modules``, and all they need, pinned.

    This package and ipykernel, which every stage needs, are always in it. Modules of the standard library, local
    ones and ones that aren't installed are passed over.
    """
    from importlib import metadata

    known = providers()
    wanted = {name for module in modules for name in known.get(module.partition(".")[0], ())}
    pinned: dict[str, str] = {}
    pending = deque([OURS, "ipykernel", *sorted(wanted)])
    while pending:
        name = canonical(pending.popleft())
        if name in pinned:
            continue
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        pinned[name] = distribution.version
        pending.extend(_needs(distribution))
    lines = [f"{name}=={version}" for name, version in sorted(pinned.items())]
    python = ".".join(platform.python_version_tuple()[:2])
    return "\n".join([f"# Python {python}", *lines]) + "\n"


def canonical(name: str) -> str:
    """Return a distribution's name as package indexes write it."""
    return _separators.sub("-", name).lower()


def _installed() -> Iterable[tuple[str, str]]:
    """Yield name and version from the names of ``.dist-info`` folders: a hundredth of the time of reading them.

    What a distribution brings along for itself isn't installed: setuptools and Ray put such folders of their own on
    the path when they are imported, and a record of the environment mustn't hang on what was imported before.
    """
    seen: set[str] = set()
    places = {entry: infos for entry in sys.path if (infos := _infos(entry))}
    for entry, infos in places.items():
        if any(entry.startswith(other + os.sep) for other in places):
            continue
        for info in infos:
            name, _, version = info.removesuffix(_INFO).partition("-")
            plain = canonical(name)
            if version and plain not in seen:
                seen.add(plain)
                yield plain, version


def _infos(entry: str) -> list[str]:
    try:
        there = os.listdir(entry or ".")  # noqa: PTH208 - names are all it takes, and this stands in the way of every run
    except OSError:
        return []
    return sorted(name for name in there if name.endswith(_INFO))


@cache
def providers() -> dict[str, list[str]]:
    """Return the distributions that each importable top-level name comes from."""
    from importlib import metadata

    return {module: list(names) for module, names in metadata.packages_distributions().items()}


def _needs(distribution: Distribution) -> list[str]:
    from packaging.requirements import InvalidRequirement, Requirement

    needed = []
    for text in distribution.requires or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            needed.append(requirement.name)
    return needed
