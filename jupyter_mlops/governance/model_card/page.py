"""A card as one HTML page: offline, light and dark, printable, no script."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jupyter_mlops.governance.model_card import pictures, prose

if TYPE_CHECKING:
    from jupyter_mlops.governance.model_card.document import Block, Document


def render(document: Document) -> str:
    """Write the document as an HTML page that loads nothing; what users gave is escaped."""
    from jinja2 import Environment, PackageLoader
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("jupyter_mlops.governance.model_card"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return (
        environment.get_template("card.html").render(
            document=document,
            kind=_kind,
            anchor=_anchor,
            # Drawings are ours and escape their words; a person's Markdown is rendered with raw HTML switched off.
            bar=lambda found, width: Markup(pictures.bar(found, width)),  # noqa: S704
            drawn=Markup,
            prose=lambda text: Markup(prose.html(text)),  # noqa: S704
        )
        + "\n"
    )


def _kind(block: Block) -> str:
    return type(block).__name__.lower()


def _anchor(place: int, title: str) -> str:
    return "-".join([str(place), *re.findall(r"\w+", title.lower())])
