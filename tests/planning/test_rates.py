"""Lines through two measurements."""

import pytest

from wtal_core.planning.rates import Linear, fit_line


def test_a_line_through_two_points() -> None:
    line = fit_line((10.0, 3.0), (50.0, 11.0))
    assert line.constant == pytest.approx(1.0)
    assert line.slope == pytest.approx(0.2)
    assert line(100.0) == pytest.approx(21.0)


def test_noise_makes_nothing_negative() -> None:
    assert fit_line((10.0, 5.0), (50.0, 4.0)) == Linear(4.0, 0.0)
    steep = fit_line((10.0, 1.0), (20.0, 4.0))  # would cost -2 for nothing
    assert steep.constant == 0.0
    assert steep.slope == pytest.approx(0.2)


def test_two_equal_amounts_make_no_line() -> None:
    with pytest.raises(ValueError, match="two amounts"):
        fit_line((10.0, 5.0), (10.0, 6.0))
