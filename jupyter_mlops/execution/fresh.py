"""A new virtual environment with the recorded versions of what a notebook needs, and this package as it is here."""

from __future__ import annotations

import configparser
import csv
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlops.errors import StageFailedError
from jupyter_mlops.pipeline.environment import OURS, canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jupyter_mlops.records.run import Environment

PACKAGE = Path(__file__).resolve().parents[1]
_ALWAYS = ("ipykernel",)
# A version counts wherever it is found, not only in the first index that knows the name.
_LIKE_PIP = ("--index-strategy", "unsafe-best-match")
_wanting = re.compile(
    r"(?:no version of|No matching distribution found for|requirement) ([A-Za-z0-9._-]+==[^\s,;]+)"
    r"|Because ([A-Za-z0-9._-]+) was not found .*?(==[^\s,;]+)"
)
# Names that modules go by where it isn't their distribution's.
_DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "cv2": "opencv-python",
    "yaml": "pyyaml",
    "bs4": "beautifulsoup4",
    "skimage": "scikit-image",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "umap": "umap-learn",
    "imblearn": "imbalanced-learn",
    "attr": "attrs",
}


@dataclass(frozen=True)
class Fresh:
    """A new environment: its interpreter, what was asked of the installer, and what there is to know about it."""

    python: Path
    requirements: tuple[str, ...]
    notes: tuple[str, ...] = ()


def create(
    folder: Path,
    recorded: Environment,
    wanted: Iterable[str],
    *,
    everything: bool = False,
    kernel: str = "python3",
) -> Fresh:
    """Make an environment in an empty folder.

    uv makes it where it is installed, else venv and pip; both use the index that pip is configured for.

    Args:
        folder: where it goes.
        recorded: what was installed when the model was made.
        wanted: distributions, by name, that must be there; what they need comes along. All in the recorded versions.
        everything: install all that was installed.
        kernel: the name of the kernel that the notebook asks for.

    Raises:
        StageFailedError: when it can't be made; names what can't be installed.
    """
    folder.mkdir(parents=True)
    venv, pins = folder / "venv", {n: v for n, v in recorded.packages.items() if n != OURS}
    uv = _uv()
    notes = _make_venv(venv, recorded.python, uv)
    python = venv / ("Scripts" if os.name == "nt" else "bin") / "python"
    names = sorted(pins) if everything else sorted({*wanted, *_ALWAYS} & pins.keys())
    requirements = tuple(f"{name}=={pins[name]}" for name in names)
    ours = pack(folder / "wheels")
    (folder / "requirements.txt").write_text("\n".join([*requirements, str(ours)]) + "\n")
    (folder / "constraints.txt").write_text("".join(f"{n}=={v}\n" for n, v in sorted(pins.items())))
    command = ["-r", str(folder / "requirements.txt"), "-c", str(folder / "constraints.txt")]
    if uv:
        told = _pip_configuration(os.environ)
        offline = ["--no-index"] if told.get("no-index", "").lower() in ("1", "true", "yes", "on") else []
        install = [uv, "pip", "install", "--quiet", "--python", str(python), *_LIKE_PIP, *offline]
        _run([*install, *command], {**clean(os.environ), **_uv_index(os.environ, told)})
    else:
        _run([str(python), "-m", "pip", "install", "--quiet", "--no-input", *command], clean(os.environ))
    if kernel != "python3":
        _name_kernel(venv, python, kernel)
    return Fresh(python, requirements, notes)


def wanted_of(modules: Iterable[str], pins: Mapping[str, str]) -> tuple[str, ...]:
    """Return the recorded distributions that modules come from, as far as their names tell."""
    from jupyter_mlops.pipeline.environment import providers

    found = set()
    for module in {name.partition(".")[0] for name in modules}:
        names = (*providers().get(module, ()), _DISTRIBUTIONS.get(module, ""), module)
        found |= {canonical(name) for name in names} & pins.keys()
    return tuple(sorted(found))


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Return variables without those that would lead another interpreter to this one's packages and settings."""
    ours = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "JUPYTER_PATH", "CONDA_PREFIX", "PYTHONSTARTUP")
    return {
        name: value
        for name, value in environment.items()
        if name not in ours and not name.startswith("JUPYTER_MLOPS_")
    }


def pack(folder: Path) -> Path:
    """Write this very package as a wheel: however it was installed, and without an index; return the file."""
    distribution = metadata.distribution(OURS)
    name, version = OURS.replace("-", "_"), distribution.version
    info = f"{name}-{version}.dist-info"
    tag = "py3-none-any"
    contents = {
        f"{PACKAGE.name}/{path.relative_to(PACKAGE).as_posix()}": path.read_bytes()
        for path in sorted(PACKAGE.rglob("*"))
        if path.is_file() and not {"__pycache__", "labextension"} & set(path.relative_to(PACKAGE).parts)
    }
    contents[f"{info}/METADATA"] = (distribution.read_text("METADATA") or "").encode()
    contents[f"{info}/entry_points.txt"] = (distribution.read_text("entry_points.txt") or "").encode()
    contents[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: {OURS}\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
    )
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in contents.items():
            archive.writestr(path, content)
        archive.writestr(f"{info}/RECORD", record_of(contents, info))
    return wheel


def record_of(contents: Mapping[str, bytes], info: str) -> str:
    """Return the text of a wheel's ``RECORD``: each file with its SHA-256 and size."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    for path, content in contents.items():
        digest = urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        writer.writerow([path, f"sha256={digest}", len(content)])
    writer.writerow([f"{info}/RECORD", "", ""])
    return lines.getvalue()


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    return shutil.which("uv") or (str(beside) if beside.is_file() else "")


def _make_venv(venv: Path, version: str, uv: str) -> tuple[str, ...]:
    """Make the bare environment with the recorded Python, or with this one where that isn't to be had."""
    own = ".".join(map(str, sys.version_info[:3]))
    environment = clean(os.environ)
    if version == own:
        _run_venv(venv, sys.executable, uv, environment)
        return ()
    others = [version] if uv else [found for found in [shutil.which(f"python{_minor(version)}")] if found]
    for python in others:
        try:
            _run_venv(venv, python, uv, environment)
        except StageFailedError:
            shutil.rmtree(venv, ignore_errors=True)
        else:
            return ()
    _run_venv(venv, sys.executable, uv, environment)
    return (f"Python {version} can't be had here, so this is Python {own}",)


def _run_venv(venv: Path, python: str, uv: str, environment: dict[str, str]) -> None:
    if uv:
        _run([uv, "venv", "--quiet", "--python", python, str(venv)], environment)
    else:
        _run([python, "-m", "venv", str(venv)], environment)


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _run(command: list[str], environment: dict[str, str]) -> None:
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except OSError as error:
        raise StageFailedError(
            f"{command[0]} can't be run: {error.strerror}", hint="install uv, or pip"
        ) from None
    if done.returncode == 0:
        return
    said = " ".join((done.stderr or done.stdout).split())
    names = [pinned or name + version for pinned, name, version in _wanting.findall(said)]
    what = ", ".join(dict.fromkeys(names)) if names else "the recorded packages"
    raise StageFailedError(
        f"{what} can't be installed: {said[-300:]}",
        hint="configure pip for an index that has it (PIP_INDEX_URL, PIP_FIND_LINKS), or use --environment current",
    )


def _uv_index(environment: Mapping[str, str], told: Mapping[str, str]) -> dict[str, str]:
    """Return pip's configuration in uv's words, where uv has none of its own."""
    if any(name.startswith(("UV_INDEX", "UV_DEFAULT_INDEX", "UV_FIND_LINKS")) for name in environment):
        return {}
    words = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "find-links": "UV_FIND_LINKS",
        "cert": "SSL_CERT_FILE",
    }
    found = {uv: " ".join(told[pip].split()) for pip, uv in words.items() if told.get(pip)}
    if "UV_FIND_LINKS" in found:
        found["UV_FIND_LINKS"] = found["UV_FIND_LINKS"].replace(" ", ",")
    return found


def _pip_configuration(environment: Mapping[str, str]) -> dict[str, str]:
    """Read what pip would: its files from the system's to the environment's, then variables."""
    home = Path(environment.get("HOME", "~")).expanduser()
    places = [
        Path("/etc/pip.conf"),
        home / ".pip" / "pip.conf",
        Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf",
        Path(sys.prefix) / "pip.conf",
        *([Path(environment["PIP_CONFIG_FILE"])] if environment.get("PIP_CONFIG_FILE") else []),
    ]
    found: dict[str, str] = {}
    for place in places:
        parser = configparser.RawConfigParser()
        try:
            parser.read(place, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                found |= dict(parser.items(section))
    prefix = "PIP_"
    found |= {
        name.removeprefix(prefix).lower().replace("_", "-"): value
        for name, value in environment.items()
        if name.startswith(prefix)
    }
    return found


def _name_kernel(venv: Path, python: Path, kernel: str) -> None:
    """Let the environment's kernel answer to the name that the notebook asks for."""
    import json

    folder = venv / "share" / "jupyter" / "kernels" / kernel.lower()
    folder.mkdir(parents=True, exist_ok=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": kernel, "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
