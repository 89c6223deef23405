"""Ratios turn by turn."""

import pytest
from benchmarks.common.ratio import paired_ratio


def test_it_is_the_median_of_the_turns_own_ratios_with_their_extremes():
    ratio = paired_ratio([1.0, 2.0, 4.0], [3.0, 4.0, 20.0])
    assert ratio.each == (3.0, 2.0, 5.0)
    assert (ratio.median, ratio.low, ratio.high) == (3.0, 2.0, 5.0)


def test_a_slow_turn_that_meets_both_sides_alike_leaves_it_as_it_is():
    # The medians' ratio would be (2 + 8) / 2 over (1 + 4) / 2 too, but unpaired turns would spread from 0.5 to 8.
    ratio = paired_ratio([1.0, 4.0], [2.0, 8.0])
    assert (ratio.low, ratio.high) == (2.0, 2.0)


def test_it_is_written_with_its_spread():
    assert str(paired_ratio([1.0, 1.0, 1.0], [1.5, 2.0, 1.0])) == "1.50 (1.00 to 2.00)"
    assert str(paired_ratio([1.0], [0.00123])) == "0.0012 (0.0012 to 0.0012)"


@pytest.mark.parametrize(("ours", "theirs"), [([], []), ([1.0], [1.0, 2.0]), ([0.0], [1.0]), ([1.0], [-1.0])])
def test_turns_without_a_partner_and_no_time_at_all_are_refused(ours, theirs):
    with pytest.raises(ValueError, match="expected"):
        paired_ratio(ours, theirs)
