from __future__ import annotations

import re

import numpy as np
import pytest

from pipelines import report
from pipelines.reporting import matrices
from tests import fake_work
from tests.reporting.html_page import Page


def _texts(svg: str) -> list[str]:
    return re.findall(r'<text[^>]*>([^<]*)</text>', svg)


def _confused(classes: int, *pairs: tuple[int, int], images: int = 10, wrong: int = 4) -> np.ndarray:
    counts = images * np.eye(classes, dtype=int)
    for i, j in pairs:
        counts[i, i] -= wrong
        counts[i, j] += wrong
    return counts


def test_classes_mistaken_for_each_other_stand_side_by_side():
    leaves = matrices.order(_confused(200, (3, 170), (170, 3), (50, 120)).tolist()).tolist()
    assert sorted(leaves) == list(range(200))
    assert abs(leaves.index(3) - leaves.index(170)) == 1 and abs(leaves.index(50) - leaves.index(120)) == 1


def test_the_small_matrix_of_many_classes_shows_the_mistakes():
    names = [f'{i:03d}.Bird_{i}' for i in range(200)]
    texts = _texts(matrices.most_confused(names, _confused(200, (3, 170), (50, 120), (50, 7)).tolist()))
    assert {text for text in texts if text.startswith('Bird')} == {f'Bird {i}' for i in (3, 7, 50, 120, 170)}
    assert sorted(text for text in texts if text.isdigit()) == ['100'] * 3 + ['20'] + ['40'] * 3 + ['60']


def test_a_share_given_to_classes_that_are_not_shown_is_in_the_last_column():
    counts = _confused(60, *((i, i + 30) for i in range(10)), wrong=5)
    counts[0, 59], counts[0, 0] = 1, 4
    texts = _texts(matrices.most_confused([f'c{i}' for i in range(60)], counts.tolist()))
    assert texts.count('10') == 1 and 'another class' in texts
    assert len({text for text in texts if re.fullmatch(r'c\d+', text)}) == 20


def test_without_mistakes_there_is_a_matrix_still():
    assert _texts(matrices.most_confused([f'c{i}' for i in range(40)], (7 * np.eye(40, dtype=int)).tolist())
                  ).count('100') == 20


@pytest.mark.parametrize('classes', [120, 200])
def test_all_names_are_on_the_large_matrix(classes):
    names = [f'n{i:05d}-breed_{i}' for i in range(classes)]
    svg = matrices.confusion_of_many(names, _confused(classes, (1, 2)).tolist())
    texts = _texts(svg)
    assert all(texts.count(f'n{i:05d}-breed {i}') == 2 for i in range(classes))
    assert float(re.search(r'min-width:(\d+)px', svg)[1]) > 11 * classes  # a line of 7 pt text for each
    assert len(svg) < 1_500_000


def test_a_class_without_test_images_has_no_figure(tmp_path):
    root = tmp_path / 'cub'
    table = fake_work.classify(root, [f'{i:03d}.Bird_{i}' for i in range(1, 41)], count=39)
    assert table['rows'][0]['per_class'][39] is None
    report.report(root, root / 'report')
    page = Page((root / 'report/index.html').read_text(encoding='utf-8'))
    assert 'Without test images, and so without a figure: Bird 40.' in page.text
    assert len([rows for rows in page.tables.values() if rows[0][0] == 'class'][1]) == 40
