from __future__ import annotations

import numpy as np
import pytest

from pipelines.core import comparison, long_tail, statistics, tables
from pipelines.core.comparison import Row
from pipelines.core.errors import InputError
from pipelines.core.rows import Images


@pytest.mark.parametrize(('imbalance', 'expected'), [(10, [100, 32, 10]), (100, [100, 10, 1])])
def test_a_tail_falls_exponentially(imbalance, expected):
    assert long_tail.sizes(100, 3, imbalance) == expected


def test_a_longer_tail_is_a_part_of_a_shorter_one():
    labels = np.arange(300) % 3
    shorter, longer = (long_tail.chosen(labels, imbalance) for imbalance in (10, 100))
    assert np.bincount(labels[shorter]).tolist() == [100, 32, 10]
    assert np.bincount(labels[longer]).tolist() == [100, 10, 1]
    assert set(longer) < set(shorter) and shorter == sorted(shorter)


def test_classes_that_have_fewer_images_keep_them():
    labels = [0] * 20 + [1] * 2
    assert len(long_tail.chosen(labels, 2)) == 22
    assert [labels[index] for index in long_tail.chosen(labels, 10)].count(0) == 20


def test_rows_spell_their_tail():
    images = Images.parse('square-m30-lt50+gan-x50')
    assert (images.kind, images.imbalance, images.generator, images.percent) == ('square-m30', 50, 'gan', 50)
    assert str(images) == 'square-m30-lt50+gan-x50'
    assert images.words.startswith('square crops, margin 30 %, long tail 50')
    assert images.lists(['train', 'val']) == ['crop/square-m30_train.json', 'crop/square-m30_val.json',
                                              'synth/gan/train.json']
    assert [str(one) for one in images.simpler()] == ['square-m30-lt50+gan', 'square-m30-lt50', 'square-m30', 'square',
                                                      'full']
    for text in ('square-lt1', 'square-lt', 'square-lt05', 'square-ltx'):
        with pytest.raises(InputError, match='expected -ltNN'):
            Images.parse(text)


def results(correct: np.ndarray) -> dict[int, dict]:
    """Of 3 seeds over 90 test images of 3 classes: which are right."""
    label = np.arange(90) % 3
    made = {}
    for seed in range(3):
        predicted = np.where(np.roll(correct, 3 * seed), label, (label + 1) % 3)
        made[seed] = dict(classes=['a', 'b', 'c'], image_id=list(range(90)), label=label.tolist(), best_epoch=1,
                          scores=np.eye(3)[predicted].tolist(), train_images=111, train_counts=[100, 10, 1])
    return made


def test_the_table_tells_classes_apart_by_their_training_images():
    rank = np.arange(90) // 3  # of a test image in its class
    limits = dict(plain=[24, 15, 3], balanced=[24, 15, 15])
    made = {name: results(rank < np.array(limit)[np.arange(90) % 3]) for name, limit in limits.items()}
    table = comparison.tabulate([Row('plain', 'Plain', 'p.py'), Row('balanced', 'Balanced', 'b.py', ('plain',))], made,
                                made)
    plain, balanced = (row['shots'] for row in table['rows'])
    assert {name: part['top1'] for name, part in plain.items()} == pytest.approx(dict(many=.8, medium=.5, few=.1))
    assert {name: part['images'] for name, part in plain.items()} == dict(many=[100, 100], medium=[10, 10], few=[1, 1])
    assert balanced['few']['change']['value'] == pytest.approx(.4) and plain['few']['change'] is None
    low, high = balanced['few']['change']['interval']
    assert 0 < low < .4 < high and balanced['many']['change']['value'] == 0
    text = tables.as_text(table)
    assert max(map(len, text.splitlines())) <= 120
    assert 'many 80.0 (+0.0), medium 50.0 (+0.0), few 50.0 (+40.0 [' in text


def test_without_a_tail_nothing_is_said():
    outcome = statistics.outcome([0, 1, 2], [np.eye(3)])
    assert long_tail.shots([30, 28, 25], outcome, None) is None and long_tail.shots(None, outcome, None) is None
