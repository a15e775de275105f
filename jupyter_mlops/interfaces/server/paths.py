"""From the path a browser names to the notebook on disk, and never out of the server's folder."""

from __future__ import annotations

from pathlib import Path

from jupyter_mlops.errors import NotFoundError, UsageError


def notebook_path(root: Path, name: object, *, must_exist: bool = True) -> Path:
    """Return the notebook that ``name`` means, relative to the server's root folder.

    Raises:
        UsageError: when it is no text, no notebook, or lies outside of the root, be it by a symbolic link.
        NotFoundError: when there is no such file.
    """
    if not isinstance(name, str) or not name or "\0" in name:
        raise UsageError("no notebook given", hint='send its path from the server\'s folder as "path"')
    root = root.resolve()
    path = (root / name.lstrip("/")).resolve()
    if not path.is_relative_to(root):
        raise UsageError(f"{name} is not in the server's folder", hint="open a notebook below that folder")
    if path.suffix != ".ipynb":
        raise UsageError(f"{name} is not a notebook", hint="its name must end in .ipynb")
    if must_exist and not path.is_file():
        raise NotFoundError(f"no notebook {name}", hint="save it first")
    return path
