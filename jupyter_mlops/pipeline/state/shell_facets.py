"""What IPython's shell keeps for all cells: its options, how values are shown, its magics, where one has been."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from jupyter_mlops.pipeline.namespace import running_shell
from jupyter_mlops.pipeline.state.facet import Facet, Start

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPTIONS = ("ast_node_interactivity", "autocall", "automagic", "autoawait", "colors")
_TEXT_OPTIONS = (
    "float_precision",
    "float_format",
    "pprint",
    "max_width",
    "max_seq_length",
    "newline",
    "verbose",
)
# The second follows the first where that is set.
_INLINE_OPTIONS = ("figure_format", "figure_formats", "print_figure_kwargs", "close_figures", "rc")
_MAIN = "__main__"


def _options(_: Start) -> dict[str, Any]:
    running = running_shell()
    if running is None:
        return {}
    text = running.display_formatter.formatters["text/plain"]
    return {
        "shell": {name: getattr(running, name) for name in _OPTIONS},
        "text": {name: getattr(text, name) for name in _TEXT_OPTIONS},
        "traceback": running.InteractiveTB.mode,
        "shown": list(running.display_formatter.active_types),
    }


def _put_options(options: dict[str, Any], start: Start) -> None:
    running, now = running_shell(), _options(start)
    if not (options and now):
        return
    text = running.display_formatter.formatters["text/plain"]
    for target, kind in ((running, "shell"), (text, "text")):
        for name, value in options[kind].items():
            if now[kind][name] != value:
                setattr(target, name, value)
    running.InteractiveTB.set_mode(options["traceback"])
    running.display_formatter.active_types = options["shown"]


def _inline_options(_: Start) -> dict[str, Any]:
    """Return what differs from how figures are shown by default; before the first one it stands in the configuration."""
    running = running_shell()
    if running is None or not (
        "matplotlib_inline.config" in sys.modules or "InlineBackend" in running.config
    ):
        return {}
    from matplotlib_inline.config import InlineBackend

    now = InlineBackend.instance() if InlineBackend.initialized() else InlineBackend(config=running.config)
    plain = InlineBackend()
    return {
        name: getattr(now, name) for name in _INLINE_OPTIONS if getattr(now, name) != getattr(plain, name)
    }


def _put_inline_options(options: dict[str, Any], start: Start) -> None:
    running, now = running_shell(), _inline_options(start)
    if running is None or options == now:
        return
    from matplotlib_inline.config import InlineBackend

    plain = InlineBackend()
    wanted = {
        name: options.get(name, getattr(plain, name)) for name in _INLINE_OPTIONS if name in {*options, *now}
    }
    if InlineBackend.initialized():
        for name, value in wanted.items():
            setattr(InlineBackend.instance(), name, value)
    else:
        running.config.InlineBackend.update(wanted)


def _printers(_: Start) -> dict[str, dict[Any, Any]]:
    """Return how the notebook's own code has values shown: MIME type to what is shown to what shows it."""
    running = running_shell()
    formatters = running.display_formatter.formatters if running is not None else {}
    found = {
        kind: {
            shown: printer
            for printers in (formatter.type_printers, formatter.deferred_printers)
            for shown, printer in printers.items()
            if _is_own(printer) or getattr(shown, "__module__", "") == _MAIN
        }
        for kind, formatter in formatters.items()
    }
    return {kind: printers for kind, printers in found.items() if printers}


def _is_own(printer: Any) -> bool:
    """Say whether the notebook gave a function, not a library: bound methods of texts are taken for the notebook's."""
    return getattr(printer, "__module__", None) == _MAIN or isinstance(
        getattr(printer, "__self__", None), str
    )


def _put_printers(printers: dict[str, dict[Any, Any]], start: Start) -> None:
    running = running_shell()
    if running is None:
        return
    formatters = running.display_formatter.formatters
    for kind in {*_printers(start), *printers}:
        formatter = formatters[kind]
        gone = set(_printers(start).get(kind, ())) - set(printers.get(kind, ()))
        for shown in gone:
            _table(formatter, shown).pop(shown)
        for shown, printer in printers.get(kind, {}).items():
            _table(formatter, shown)[shown] = printer


def _table(formatter: Any, shown: Any) -> dict[Any, Any]:
    table: dict[Any, Any] = (
        formatter.deferred_printers if isinstance(shown, tuple) else formatter.type_printers
    )
    return table


def _magics(_: Start) -> dict[str, Any]:
    running = running_shell()
    if running is None:
        return {}
    known = running.magics_manager.magics
    found: dict[str, Any] = {
        kind: {
            name: magic for name, magic in known[kind].items() if getattr(magic, "__module__", "") == _MAIN
        }
        for kind in ("line", "cell")
    }
    found["alias"] = {name: (kind, target) for kind, name, target in _alias_magics(known)}
    found["command"] = sorted(running.alias_manager.aliases)
    return found


def _alias_magics(known: Any) -> Iterator[tuple[str, str, tuple[str, str, Any]]]:
    for kind in ("line", "cell"):
        for name, magic in known[kind].items():
            if type(magic).__name__ == "MagicAlias":
                yield kind, f"{kind} {name}", (name, magic.magic_name, magic.magic_params)


def _put_magics(magics: dict[str, Any], start: Start) -> None:
    running, now = running_shell(), _magics(start)
    if not (magics and now):
        return
    manager = running.magics_manager
    for kind in ("line", "cell"):
        for name in now[kind].keys() - magics[kind].keys():
            del manager.magics[kind][name]
        manager.magics[kind].update(magics[kind])
    for name, (kind, (alias, target, params)) in magics["alias"].items():
        if name not in now["alias"]:
            manager.register_alias(alias, target, kind, params)
    for name, command in magics["command"]:
        if (name, command) not in now["command"]:
            running.alias_manager.define_alias(name, command)


def _hooks(_: Start) -> dict[str, list[Any]]:
    """Return what the notebook's own code has called around each cell: by event, and for its text and its tree."""
    running = running_shell()
    lists = _hook_lists(running) if running is not None else {}
    return {name: [each for each in listed if _is_hook(each)] for name, listed in lists.items()}


def _hook_lists(running: Any) -> dict[str, list[Any]]:
    return {
        **running.events.callbacks,
        "trees": running.ast_transformers,
        "cleanup": running.input_transformers_cleanup,
        "post": running.input_transformers_post,
    }


def _is_hook(hook: Any) -> bool:
    """Say whether the notebook made a hook: a function, or an object of its own; parts of the shell have traits."""
    owner = getattr(hook, "__self__", hook)
    own = getattr(hook, "__module__", "") == _MAIN or type(owner).__module__ == _MAIN
    return own and not hasattr(owner, "trait_names")


def _put_hooks(hooks: dict[str, list[Any]], start: Start) -> None:
    now = _hooks(start)
    for name, listed in _hook_lists(running_shell()).items() if now else ():
        listed[:] = [each for each in listed if each not in now[name]] + hooks.get(name, [])


def _history(start: Start) -> dict[str, list[str]]:
    """Return the folders that ``%cd -`` and ``%popd`` go back to, relative to the notebook's."""
    running = running_shell()
    if running is None:
        return {}
    home = running.home_dir
    stack = [path.replace("~", home, 1) for path in running.dir_stack]
    places = {"stack": stack, "history": [str(path) for path in running.user_ns.get("_dh", ())]}
    return {kind: [os.path.relpath(path, start.root) for path in paths] for kind, paths in places.items()}


def _put_history(folders: dict[str, list[str]], start: Start) -> None:
    running = running_shell()
    if running is None:
        return
    absolute = {kind: [_path(start.root, path) for path in paths] for kind, paths in folders.items()}
    home = running.home_dir
    running.dir_stack[:] = [path.replace(home, "~") for path in absolute["stack"]]
    running.user_ns["_dh"][:] = absolute["history"]


def _path(root: str, relative: str) -> str:
    return os.path.normpath(os.path.join(root, relative))  # noqa: PTH118 - it may lead up


FACETS = (
    Facet("<shell options>", "IPython", _options, _put_options,
          words=frozenset({"precision", "config", "pprint", "xmode", "autocall", "automagic", "autoawait", "colors",
                           "ast_node_interactivity", "active_types", *_TEXT_OPTIONS})),
    Facet("<inline figures' options>", "IPython", _inline_options, _put_inline_options,
          words=frozenset({"InlineBackend", "set_matplotlib_close"})),
    Facet("<display formatters>", "IPython", _printers, _put_printers,
          words=frozenset({"for_type", "for_type_by_name", "type_printers", "deferred_printers"})),
    Facet("<magics>", "IPython", _magics, _put_magics,
          words=frozenset({"register_line_magic", "register_cell_magic", "register_line_cell_magic", "alias",
                           "register_magic_function", "alias_magic", "unalias", "define_alias"})),
    Facet("<shell hooks>", "IPython", _hooks, _put_hooks,
          words=frozenset({"events", "ast_transformers", "input_transformers_cleanup", "input_transformers_post"})),
    Facet("<folders' history>", "IPython", _history, _put_history,
          words=frozenset({"cd", "pushd", "popd", "dirs", "dhist"})),
)  # fmt: skip
