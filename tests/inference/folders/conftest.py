from tests.fixtures.bases import bases
from tests.fixtures.batch import bag, lora

__all__ = ["bag", "bases", "lora"]
