from tests.study.shared import finished, three_labels

__all__ = ["finished", "three_labels"]
