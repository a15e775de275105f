"""State of the process that no variable holds, and that the notebook's cells would share."""

from __future__ import annotations

import decimal
import gc
import locale
import logging
import os
import random
import sys
import time
import warnings
from typing import Any

from jupyter_mlops.pipeline.state import plot_facets, shell_facets
from jupyter_mlops.pipeline.state.facet import Facet, Start, module


def _environment(start: Start) -> dict[str, str | None]:
    before = dict(start.environment)
    now = dict(os.environ)
    changed = {name: now.get(name) for name in sorted({*before, *now}) if before.get(name) != now.get(name)}
    return {**changed, **dict.fromkeys(sorted(start.set_up - now.keys()))}


def _put_environment(changes: dict[str, str | None], _: Start) -> None:
    for name, value in changes.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    if "TZ" in changes:
        time.tzset()


def _path(start: Start) -> dict[str, list[str]]:
    known = [place for place, entry in enumerate(sys.path) if entry in start.path]
    first = known[0] if known else 0
    new = [(place < first, entry) for place, entry in enumerate(sys.path) if entry not in start.path]
    return {
        "front": [entry for is_front, entry in new if is_front],
        "back": [entry for is_front, entry in new if not is_front],
        "gone": [entry for entry in start.path if entry not in sys.path],
    }


def _put_path(changes: dict[str, list[str]], start: Start) -> None:
    kept = [entry for entry in start.path if entry not in changes["gone"]]
    sys.path[:] = [*changes["front"], *kept, *changes["back"]]


def _filters(_: Start) -> list[tuple[Any, ...]]:
    return list(warnings.filters)


def _put_filters(filters: list[Any], _: Start) -> None:
    warnings.resetwarnings()
    warnings.filters[:] = filters  # type: ignore[index]  # a list, whatever its stub says


def _loggers(_: Start) -> dict[str, dict[str, Any]]:
    known = {"": logging.getLogger(), **logging.root.manager.loggerDict}
    return {
        name: _logger(found)
        for name, found in known.items()
        if isinstance(found, logging.Logger) and not name.startswith(_OURS) and not _is_plain(found)
    }


_OURS = ("papermill", "ipykernel", "IPython", "traitlets", "asyncio", "tornado", "jupyter")


def _is_plain(logger: logging.Logger) -> bool:
    level = logging.WARNING if logger is logging.root else logging.NOTSET
    plain_handlers = all(isinstance(handler, logging.NullHandler) for handler in logger.handlers)
    return logger.level == level and logger.propagate and not logger.disabled and plain_handlers


def _logger(logger: logging.Logger) -> dict[str, Any]:
    return {
        "level": logger.level,
        "propagate": logger.propagate,
        "disabled": logger.disabled,
        "handlers": list(logger.handlers),
    }


def _put_loggers(states: dict[str, dict[str, Any]], start: Start) -> None:
    for name in {*_loggers(start), *states}:
        logger = logging.getLogger(name)
        state = states.get(name) or {
            "level": logging.WARNING if name == "" else logging.NOTSET,
            "propagate": True,
            "disabled": False,
            "handlers": [],
        }
        logger.setLevel(state["level"])
        logger.propagate, logger.disabled = state["propagate"], state["disabled"]
        logger.handlers[:] = state["handlers"]


def _levels(_: Start) -> tuple[int, dict[int, str]]:
    names = {level: logging.getLevelName(level) for level in logging.getLevelNamesMapping().values()}
    return logging.root.manager.disable, names


def _put_levels(levels: tuple[int, dict[int, str]], _: Start) -> None:
    disabled, names = levels
    for level, name in names.items():
        logging.addLevelName(level, name)
    logging.disable(disabled)


def _dialects(_: Start) -> dict[str, dict[str, Any]]:
    csv = module("csv")
    return {
        name: {key: getattr(csv.get_dialect(name), key) for key in _DIALECT}
        for name in csv.list_dialects()
        if name not in ("excel", "excel-tab", "unix")
    }


_DIALECT = ("delimiter", "doublequote", "escapechar", "lineterminator", "quotechar", "quoting", "skipinitialspace",
            "strict")  # fmt: skip


def _put_dialects(dialects: dict[str, dict[str, Any]], start: Start) -> None:
    csv = module("csv")
    for name in _dialects(start).keys() - dialects.keys():
        csv.unregister_dialect(name)
    for name, values in dialects.items():
        csv.register_dialect(name, **values)


def _put_numpy_options(options: dict[str, Any], _: Start) -> None:
    numpy = module("numpy")
    known = numpy.get_printoptions()
    numpy.set_printoptions(**{name: value for name, value in options.items() if name in known})


def _pandas_options(_: Start) -> dict[str, Any]:
    config = module("pandas._config.config")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of options that are to go
        return {name: config.get_option(name) for name in getattr(config, "_registered_options", ())}


def _put_pandas_options(options: dict[str, Any], start: Start) -> None:
    now = _pandas_options(start)
    config = module("pandas._config.config")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # likewise
        for name, value in options.items():
            if name in now and now[name] != value:
                config.set_option(name, value)


def _torch_random(_: Start) -> dict[str, Any]:
    torch = module("torch")
    states = {"cpu": torch.get_rng_state().numpy().tobytes()}
    if hasattr(torch, "cuda") and torch.cuda.is_initialized():
        for number, state in enumerate(torch.cuda.get_rng_state_all()):
            states[f"cuda {number}"] = state.numpy().tobytes()
    return states


def _put_torch_random(states: dict[str, bytes], _: Start) -> None:
    torch = module("torch")
    for device, state in states.items():
        content = torch.frombuffer(bytearray(state), dtype=torch.uint8)
        if device == "cpu":
            torch.set_rng_state(content)
        elif torch.cuda.is_available() and int(device[5:]) < torch.cuda.device_count():
            torch.cuda.set_rng_state(content, int(device[5:]))


def _torch_options(_: Start) -> dict[str, Any]:
    torch = module("torch")
    return {
        "dtype": torch.get_default_dtype(),
        "grad": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "print": dict(vars(torch._tensor_str.PRINT_OPTS)),  # noqa: SLF001 - there is no getter
        "device": str(torch.get_default_device()) if hasattr(torch, "get_default_device") else "cpu",
    }


def _put_torch_options(options: dict[str, Any], start: Start) -> None:
    torch = module("torch")
    now = _torch_options(start)
    torch.set_default_dtype(options["dtype"])
    torch.set_grad_enabled(options["grad"])
    torch.use_deterministic_algorithms(options["deterministic"])
    vars(torch._tensor_str.PRINT_OPTS).update(options["print"])  # noqa: SLF001 - see above
    if options["device"] != now["device"]:
        torch.set_default_device(options["device"])


def _error_state(_: Start) -> dict[str, Any]:
    numpy = module("numpy")
    return {"what": numpy.geterr(), "call": numpy.geterrcall()}


def _put_error_state(state: dict[str, Any], _: Start) -> None:
    numpy = module("numpy")
    numpy.seterr(**state["what"])
    numpy.seterrcall(state["call"])


def _put_folder(folder: str, start: Start) -> None:
    os.chdir(os.path.join(start.root, folder))  # noqa: PTH118 - it may lead up


def _limits(_: Start) -> dict[str, Any]:
    limits: dict[str, Any] = {
        "recursion": sys.getrecursionlimit(),
        "digits": sys.get_int_max_str_digits(),
        "switching": sys.getswitchinterval(),
        "collecting": gc.isenabled(),
    }
    if "csv" in sys.modules:
        limits["csv"] = module("csv").field_size_limit()
    if "socket" in sys.modules:
        limits["socket"] = module("socket").getdefaulttimeout()
    return limits


def _put_limits(limits: dict[str, Any], start: Start) -> None:
    now = _limits(start)
    if limits["recursion"] != now["recursion"]:
        sys.setrecursionlimit(limits["recursion"])
    sys.set_int_max_str_digits(limits["digits"])
    sys.setswitchinterval(limits["switching"])
    (gc.enable if limits["collecting"] else gc.disable)()
    if "csv" in limits:
        import csv

        csv.field_size_limit(limits["csv"])
    if "socket" in limits:
        import socket

        socket.setdefaulttimeout(limits["socket"])


# Options come first, for setting one may draw; within a kind the order is the one they are restored in.
FACETS = (
    Facet("<working folder>", "os", lambda start: os.path.relpath(os.getcwd(), start.root), _put_folder,  # noqa: PTH109 - as text
          words=frozenset({"chdir", "cd", "pushd", "popd", "fchdir"})),
    Facet("<environment>", "os", _environment, _put_environment,
          words=frozenset({"environ", "putenv", "env", "set_env", "setenv", "load_dotenv", "unsetenv"})),
    Facet("<sys.path>", "sys", _path, _put_path, words=frozenset({"sys", "site"})),
    Facet("<warnings>", "warnings", _filters, _put_filters,
          words=frozenset({"warnings", "simplefilter", "filterwarnings", "resetwarnings"})),
    Facet("<logging>", "logging", _loggers, _put_loggers,
          words=frozenset({"logging", "getLogger", "basicConfig", "setLevel", "addHandler", "logger", "log"})),
    Facet("<logging levels>", "logging", _levels, _put_levels, words=frozenset({"disable", "addLevelName"})),
    Facet("<csv dialects>", "csv", _dialects, _put_dialects,
          words=frozenset({"register_dialect", "unregister_dialect"})),
    Facet("<locale>", "locale", lambda _: locale.setlocale(locale.LC_ALL), lambda value, _: _set_locale(value),
          words=frozenset({"locale", "setlocale"})),
    Facet("<limits>", "sys", _limits, _put_limits,
          words=frozenset({"setrecursionlimit", "set_int_max_str_digits", "field_size_limit", "setdefaulttimeout", "setswitchinterval", "gc"})),
    Facet("<decimal>", "decimal", lambda _: decimal.getcontext().copy(), lambda value, _: decimal.setcontext(value),
          words=frozenset({"decimal", "getcontext", "setcontext", "localcontext"})),
    Facet("<numpy print options>", "numpy", lambda _: module("numpy").get_printoptions(), _put_numpy_options),
    Facet("<numpy error state>", "numpy", _error_state, _put_error_state),
    Facet("<pandas options>", "pandas", _pandas_options, _put_pandas_options),
    *plot_facets.FACETS,
    *shell_facets.FACETS,
    Facet("<sklearn options>", "sklearn", lambda _: module("sklearn").get_config(),
          lambda value, _: module("sklearn").set_config(**value)),
    Facet("<torch options>", "torch", _torch_options, _put_torch_options),
    Facet("<random>", "random", lambda _: random.getstate(), lambda value, _: random.setstate(value), drawn=True),
    Facet("<numpy.random>", "numpy.random", lambda _: module("numpy.random").get_state(legacy=False),
          lambda value, _: module("numpy.random").set_state(value), drawn=True),
    Facet("<torch.random>", "torch", _torch_random, _put_torch_random, drawn=True),
)  # fmt: skip


def _set_locale(value: str) -> None:
    locale.setlocale(locale.LC_ALL, value)
