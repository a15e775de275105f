"""How two model versions are shown side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jupyter_mlops.interfaces.cli._common import escape, lines, table, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mlops.records.evaluation import Figure
    from jupyter_mlops.records.provenance import Commit
    from jupyter_mlops.workflows.comparing import Comparison

_SHORT = 12
# What is left out is told; --json has all of it.
_PACKAGES = 20
_LINES = 40


def show(found: Comparison) -> None:
    """Print the differences: a table of pairs, then the stages' code."""
    table(("", found.left, found.right), [[escape(visible(cell)) for cell in row] for row in _rows(found)])
    screen = lines()
    more = len(found.packages) - _PACKAGES
    if more > 0:
        click.echo(f"{more} packages more differ (--json names them)")
    for stage, diff in found.sources.items():
        changed = diff.splitlines()[2:]  # without the names of both sides
        click.echo(f"\nstage {stage}")
        for line in changed[:_LINES]:
            screen.print(escape(visible(line.expandtabs())), soft_wrap=False)
        if len(changed) > _LINES:
            click.echo(f"{len(changed) - _LINES} lines more (--json has them)")
    click.echo("\nthe same bundle" if found.same_bundle else "\ndifferent bundles")
    if not found.same_signature:
        click.echo("different signatures")
    for note in found.notes:
        click.echo(f"note: {note}")


def short(ref: str) -> str:
    """Return a dataset version as people name it."""
    name, _, version = ref.removeprefix("dataset/").partition("@")
    return f"{name}@{version[:_SHORT]}"


def _rows(found: Comparison) -> Iterator[tuple[str, ...]]:
    for name, (left, right) in found.metrics.items():
        yield name, *("" if value is None else f"{value:.6g}" for value in (left, right))
    for name, (one, two) in found.figures.items():
        yield f"gate {name}", _figure(one), _figure(two)
    yield "gate", *(gate or "none" for gate in found.gates)
    for name, values in found.params.items():
        yield name, *("" if value is None else str(value) for value in values)
    for name, sides in found.datasets.items():
        yield f"data {name}", *(", ".join(map(short, side)) for side in sides)
    for name, values in found.seeds.items():
        yield f"seed {name}", *(", ".join(map(str, value)) if value else "none" for value in values)
    if found.commits is not None:
        yield "commit", _commit(found.commits[0]), _commit(found.commits[1])
    for name, versions in list(found.packages.items())[:_PACKAGES]:
        yield name, *(version or "not installed" for version in versions)


def _figure(figure: Figure | None) -> str:
    if figure is None:
        return ""
    interval = f" [{figure.ci[0]:.4g}, {figure.ci[1]:.4g}]" if figure.ci is not None else ""
    return f"{figure.value:.4g}{interval}"


def _commit(commit: Commit | None) -> str:
    if commit is None:
        return "none"
    return (
        f"{commit.sha[:_SHORT]}, dirty {commit.diff[:_SHORT]}".rstrip()
        if commit.dirty
        else commit.sha[:_SHORT]
    )
