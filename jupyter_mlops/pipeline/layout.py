"""Names that a compiled folder and the code in it agree on."""

from __future__ import annotations

MARKER = "pipeline.yaml"
PRODUCTS = "products"
# ploomber's names for a task's inputs and products; a compiled notebook has them as parameters.
RESERVED = ("upstream", "product")
# The key in a compiled cell's metadata that says which of the notebook's cells it is.
SOURCE_KEY = "jupyter_mlops"
# The tag of cells that aren't the notebook's own.
GENERATED = "mlops-generated"
