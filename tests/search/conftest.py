"""The tiny bases."""

from tests.fixtures.bases import bases, deep_bases

__all__ = ["bases", "deep_bases"]
