"""A small part of the simulation of docs/statistics.md, and what it draws."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tools.bench import verdicts
from tools.bench.verdicts import Setting


def test_rows_are_drawn_as_the_setting_says():
    """True top-1 of 85 and 87 %, seeds whose top-1 has sd 2 points, the same images hard for both rows."""
    tables = list(Setting(2000, 20, 2., gain=2.).tables(60, np.random.default_rng(0)))
    row, reference = (np.array([table[i].mean(axis=1) for table in tables]) for i in range(2))
    assert reference.mean() == pytest.approx(.85, abs=.005) and row.mean() == pytest.approx(.87, abs=.005)
    noise = .06 / 2000  # of the images' own luck under each seed
    assert reference.var(axis=1, ddof=1).mean() == pytest.approx(.02 ** 2 + noise, rel=.15)
    images = [np.corrcoef(*(one.mean(axis=0) for one in table))[0, 1] for table in tables]
    assert np.mean(images) > .95


@pytest.mark.parametrize(('setting', 'limit'), [
    (Setting(132, 3, .5), .09), (Setting(132, 5, 6.), .09), (Setting(1000, 5, 2.), .09), (Setting(1000, 3, 1.), .09),
    (Setting(132, 10, 1., 'other images'), .09)])
def test_at_most_one_verdict_in_twenty_is_false(setting, limit):
    """300 tables: with a true rate of 5 % at most 27, but for one time in a thousand."""
    better, worse = setting.rates(300, seed=1)
    assert better + worse <= limit


def test_what_there_is_is_found():
    assert sum(Setting(1000, 5, .5, gain=5.).rates(60, seed=1)[:1]) > .9
    few, many = (Setting(1000, seeds, 1., gain=2.).rates(200, seed=1)[0] for seeds in (3, 10))
    assert many > few + .2


def test_the_table_of_a_simulation():
    base = [Setting(132, 3, 1.)]
    wanted = [*(replace(base[0], null=null) for null in verdicts.NULLS),
              *(replace(base[0], gain=gain) for gain in verdicts.GAINS)]
    found = dict(verdicts.simulate(wanted, 20))
    assert set(found) == set(wanted) and all(0 <= rate <= 1 for rate in found.values())
    lines = verdicts._markdown(base, found).splitlines()
    assert lines[0].count('|') == lines[2].count('|') == 10 and lines[2].startswith('| 132 | 3 | 1 | ')
    assert verdicts.limit(1000) == pytest.approx(.0707, abs=1e-4)
