"""What matplotlib keeps for all cells: its parameters, its back end, and the figures that pyplot draws on."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from jupyter_mlops.pipeline.namespace import running_shell
from jupyter_mlops.pipeline.state.facet import Facet, Start, module

_OF_THE_BACKEND = ("backend", "interactive", "toolbar", "webagg", "tk.", "macosx", "docstring")


def _options(_: Start) -> dict[str, Any]:
    params = module("matplotlib").rcParams
    # Reading the backend would choose one.
    return {name: value for name, value in dict.items(params) if not name.startswith(_OF_THE_BACKEND)}


def _put_options(options: dict[str, Any], _: Start) -> None:
    params = module("matplotlib").rcParams
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of parameters that are to go
        for name, value in options.items():
            if name in params and dict.__getitem__(params, name) != value:
                params[name] = value


def _backend(_: Start) -> tuple[str, bool]:
    params = module("matplotlib").rcParams
    name = dict.__getitem__(params, "backend")
    return name if isinstance(name, str) else "", bool(params["interactive"])


def _put_backend(backend: tuple[str, bool], start: Start) -> None:
    matplotlib = module("matplotlib")
    name, interactive = backend
    if name and name != _backend(start)[0]:
        matplotlib.use(name, force=False)
        if "inline" in name and running_shell() is not None:
            # What %matplotlib does besides: figures are shown when a cell is done.
            import matplotlib_inline.backend_inline as inline

            configure: Any = inline.configure_inline_support
            configure(running_shell(), name)
    matplotlib.interactive(interactive)


def _figures(_: Start) -> list[tuple[int, Any]]:
    """Return pyplot's open figures with their numbers, the current one last; the inline back end leaves none."""
    managers = module("matplotlib._pylab_helpers").Gcf.figs
    return [(number, manager.canvas.figure) for number, manager in managers.items()]


def _put_figures(figures: list[tuple[int, Any]], _: Start) -> None:
    # A figure that is unpickled opens itself, under the next number that is free.
    managers = module("matplotlib._pylab_helpers").Gcf.figs
    opened = {id(manager.canvas.figure): manager for manager in managers.values()}
    managers.clear()
    for number, figure in figures:
        manager = opened.get(id(figure))
        if manager is not None:
            manager.num = number
            # The figure's own copy, which had another name before matplotlib 3.10 and goes with 3.12.
            vars(figure).update({name: number for name in ("_number", "number") if name in vars(figure)})
            managers[number] = manager
    shown = getattr(sys.modules.get("matplotlib_inline.backend_inline"), "show", None)
    if shown is not None:
        # To be opened is not to be drawn: else they would be shown when the cell is done that restores them.
        shown._draw_called = False  # noqa: SLF001 - the back end's own flag
        shown._to_draw = []  # noqa: SLF001 - see above


def _colours(_: Start) -> dict[str, Any]:
    """Return the colour maps that aren't matplotlib's own."""
    known = module("matplotlib.cm")._colormaps  # noqa: SLF001 - matplotlib itself has it only once it is imported whole
    own = getattr(known, "_builtin_cmaps", ())
    return {name: known[name] for name in sorted(set(known).difference(own))}


def _put_colours(colours: dict[str, Any], start: Start) -> None:
    known = module("matplotlib.cm")._colormaps  # noqa: SLF001 - matplotlib itself has it only once it is imported whole
    for name in _colours(start).keys() - colours.keys():
        known.unregister(name)
    for name, colour in colours.items():
        known.register(colour, name=name, force=True)


def _formats(_: Start) -> dict[str, Any]:
    """Return how figures are shown: MIME type to what draws one."""
    running = running_shell()
    figure = module("matplotlib.figure").Figure
    formatters = running.display_formatter.formatters if running is not None else {}
    return {
        kind: each.type_printers[figure] for kind, each in formatters.items() if figure in each.type_printers
    }


def _put_formats(formats: dict[str, Any], start: Start) -> None:
    figure = module("matplotlib.figure").Figure
    formatters = running_shell().display_formatter.formatters
    for kind in _formats(start):
        formatters[kind].type_printers.pop(figure)
    for kind, draw in formats.items():
        formatters[kind].for_type(figure, draw)


# The backend comes before what is drawn with it.
FACETS = (
    Facet("<matplotlib options>", "matplotlib", _options, _put_options),
    Facet("<matplotlib backend>", "matplotlib", _backend, _put_backend,
          words=frozenset({"use", "switch_backend", "ion", "ioff", "interactive", "inline", "agg", "widget", "notebook",
                           "pylab", "MPLBACKEND"})),
    Facet("<colour maps>", "matplotlib.cm", _colours, _put_colours, words=frozenset({"colormaps", "register_cmap"})),
    Facet("<pyplot figures>", "matplotlib.pyplot", _figures, _put_figures,
          words=frozenset({"plt", "pyplot", "pylab", "gcf", "gca", "plot", "hist", "boxplot", "sns", "seaborn"})),
    Facet("<figure formats>", "matplotlib_inline.backend_inline", _formats, _put_formats,
          words=frozenset({"set_matplotlib_formats"})),
)  # fmt: skip
