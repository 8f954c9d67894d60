"""What earlier forecasts say of the next, and a forecast made anew for how fast production is now."""

from __future__ import annotations

from wgm_play.rehearsal import forecast
from wgm_play.rehearsal.meter import Measured

GROUP = Measured(1, ("add an index",), ("index by_owner",), (), 2.0)


def test_one_run_beside_a_busy_machine_does_not_decide_of_the_next() -> None:
    assert forecast.PastForecasts().middle == 1.0
    assert forecast.PastForecasts((6.0,)).middle == 1.0
    assert forecast.PastForecasts((1.2, 6.0, 1.3, 1.2)).middle == 1.2
    assert forecast.PastForecasts((0.5, 0.6, 0.5, 0.5, 0.5)).spread == 1.2


def test_a_slower_machine_takes_longer_also_where_it_became_so_since() -> None:
    made = forecast.forecast([GROUP], {}, [(0.1, 0.2), (0.1, 0.4)], forecast.PastForecasts())
    assert round(made.speed, 6) == 3.0 and round(made.pace, 6) == 0.3
    assert tuple(round(one, 6) for one in made.total) == (4.0, 6.0, 9.0)
    again = forecast.scaled(made.data(), 2.0)
    assert again["total"] == {"least": 8.0, "likely": 12.0, "most": 18.0}
    assert again["groups"] == [{"title": "add an index", "least": 8.0, "likely": 12.0, "most": 18.0}]
    assert again["correction"] == 1.0
