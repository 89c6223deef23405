"""Behaviour checks in the manner of CheckList (Ribeiro et al. 2020): what a classifier should get right beyond doubt.

A suite is a YAML file of templates; `load_suite` expands it into cases, `texts` says what to ask, `judge` how often
each arm fails. No model is needed here: answers in, records out.
"""

from lightune.behaviour.applicability import polarity, why_not
from lightune.behaviour.judging import judge
from lightune.behaviour.loading import load_suite, suite_from_yaml
from lightune.behaviour.suite import Case, Suite, SuiteTest, texts

__all__ = ["Case", "Suite", "SuiteTest", "judge", "load_suite", "polarity", "suite_from_yaml", "texts", "why_not"]
