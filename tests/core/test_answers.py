"""Class, super-class or nothing, and why."""
from __future__ import annotations

import numpy as np
import pytest

from pipelines.core import answers
from pipelines.core.answers import Answer, Rules
from pipelines.core.errors import InputError

CLASSES, PARENTS = ('hen', 'cock', 'owl'), ('fowl', 'fowl', 'strix')


def rules(below: float | None = 0.8, group: float | None = 0.7, **more) -> Rules:
    return Rules(CLASSES, PARENTS, {'class': below, 'super-class': group}, 0.95, **more)


def scores(*values: float) -> np.ndarray:
    return np.array(values)


def test_a_sure_class_is_the_answer():
    assert rules().answer(scores(0.9, 0.06, 0.04)) == Answer('class', 'hen', 0.9, '')


def test_an_unsure_class_rolls_up_to_its_super_class():
    found = rules().answer(scores(0.5, 0.4, 0.1))
    assert found[:2] == ('super-class', 'fowl') and found.confidence == pytest.approx(0.9)
    assert found.reason == 'hen, 0.50: below 0.80'


def test_where_neither_is_sure_nothing_is_said():
    found = rules().answer(scores(0.4, 0.2, 0.4))
    assert found[:3] == ('none', '', 0.4) and found.reason == 'hen, 0.40: below 0.80; fowl, 0.60: below 0.70'


def test_a_level_that_never_reaches_the_target_says_so():
    found = Rules(CLASSES, PARENTS, {'class': None}, 0.95).answer(scores(1., 0, 0))
    assert found.level == 'none' and found.reason == 'hen, 1.00: no confidence reaches 95% on val'


def test_a_list_overrides_but_takes_no_confidence_from_the_others():
    found = rules(allowed=(False, True, True)).answer(scores(0.85, 0.1, 0.05))
    assert found[:3] == ('none', '', 0.1)
    assert '(hen, 0.85, is not on the list)' in found.reason
    sure = rules(0.05, allowed=(False, True, True)).answer(scores(0.85, 0.1, 0.05))
    assert sure == Answer('class', 'cock', 0.1, '')


def test_a_list_is_read_and_its_misspellings_are_named(tmp_path):
    path = tmp_path / 'classes.txt'
    path.write_text('# mine\nowl\n\n cock \n')
    assert answers.read_allowed(path, CLASSES) == (False, True, True)
    path.write_text('owl\nhan\n')
    with pytest.raises(InputError, match=r'classes.txt:2: expected .* found han\n  remedy: did you mean hen'):
        answers.read_allowed(path, CLASSES)
    path.write_text('\n#\n')
    with pytest.raises(InputError, match='a class at least'):
        answers.read_allowed(path, CLASSES)


def test_the_best_classes():
    assert answers.best(scores(0.2, 0.6, 0.2), 2) == [(1, 0.6), (0, 0.2)]
