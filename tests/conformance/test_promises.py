"""Every check keeps its promises on simulated elections: few false alarms, and power.

A handful of elections cannot measure a rate of 5 %; what fails here is a promise that is plainly
broken: so many alarms (or so few) that a check which keeps it would show them once in a thousand.
The rates themselves, from many elections, are in the docs.
"""

import pytest
from benchmarks.calibrate import measure, promised, scenarios
from scipy import stats

ELECTIONS = 6
STATIONS = 1200
RARE = 0.001

WANTED = scenarios()


def test_every_scenario_that_a_check_names_exists():
    from veedor.simulate import names

    for check in promised().values():
        assert set(check.promise.honest) <= set(names(honest=True)), check.id
        assert set(check.promise.tampered) <= set(names(honest=False)), check.id


@pytest.mark.parametrize("scenario", WANTED)
def test_promises_are_kept(scenario):
    checks = promised()
    for rate in measure(ELECTIONS, STATIONS, [scenario]):
        promise = checks[rate.check].promise
        if scenario in promise.honest:
            chance = stats.binom.sf(rate.alarms - 1, rate.elections, promise.false_alarms)
        else:
            chance = stats.binom.cdf(rate.alarms, rate.elections, promise.tampered[scenario])
        assert chance > RARE, (rate, promise)
