from tests.fixtures.bases import deep_bases
from tests.study.shared import finished, three_labels

__all__ = ["deep_bases", "finished", "three_labels"]
