"""The tiny bases."""

from tests.fixtures.bases import bases

__all__ = ["bases"]
