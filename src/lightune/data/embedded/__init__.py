"""Film reviews that ship with the package: generated ones for training, handwritten ones as a harder test.

`generate` returns the generated reviews; `handwritten_path` says where the handwritten ones lie.
Neither needs a network connection or anything beyond the standard library.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable

from lightune.data.embedded.generator import generate

__all__ = ["generate", "handwritten_path"]


def handwritten_path() -> Traversable:
    """Where `handwritten.csv` (columns `text` and `label`) lies inside the installed package."""
    return files(__name__).joinpath("handwritten.csv")
