"""Cells that a spreadsheet would run."""

import pytest

from lightune.inference.spreadsheet import neutral


@pytest.mark.parametrize(
    "value",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\tx",
        "\rx",
        "\nx",
        "＝1",
        "＋1",
        "－1",
        "＠x",
        " =1",
        "\u00a0\ufeff=1",
        "\u3000\t",
    ],
)
def test_what_a_spreadsheet_would_run_is_made_text(value):
    assert neutral(value) == f"'{value}"


@pytest.mark.parametrize("value", ["", "a=1", "1", "'=1", "text - more", "größer", '"=1"', "0-1"])
def test_all_else_stays(value):
    assert neutral(value) == value
