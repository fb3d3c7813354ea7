"""Which pictures share a batch: those that are padded to one shape, and few sizes of batches."""
from __future__ import annotations

import pytest
import torch

from pipelines.openmm.engine.same_shape import batches


def samples(*sizes: tuple[int, int]) -> list[dict]:
    return [dict(inputs=torch.empty(3, *size)) for size in sizes]


def test_pictures_share_a_batch_only_where_none_is_padded_to_another():
    found = list(batches(samples((30, 30), (32, 32), (40, 30), (31, 20), (64, 32)), 8, 32))
    assert found == [[0, 1], [3], [2, 4]]  # 32 x 32 twice, and 64 x 32
    assert list(batches(samples((30, 30), (32, 32)), 8)) == [[0], [1]]  # nothing is padded


@pytest.mark.parametrize(('count', 'most', 'sizes'), [
    (7, 8, [4, 2, 1]), (20, 8, [8, 8, 4]), (7, 3, [3, 3, 1]), (0, 8, [])])
def test_few_sizes_of_batches_occur(count, most, sizes):
    found = list(batches(samples(*[(8, 8)] * count), most))
    assert [len(batch) for batch in found] == sizes
    assert [number for batch in found for number in batch] == list(range(count))
