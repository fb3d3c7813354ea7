"""The lists of the gate's trainings."""
from __future__ import annotations

import pytest

from pipelines.core import gate_lists, lineage

CLASSES = ['a', 'b', 'c']


@pytest.fixture
def work(tmp_path):
    """21 train, 6 val images of 3 classes, and images made of train images 0 and 3, 1 and 4, ..."""
    def rows(first: int, count: int, split: str) -> list[dict]:
        return [dict(img_path=f'square/{i}.jpg', gt_label=i % 3, image_id=i, split=split, box_source='gt')
                for i in range(first, first + count)]

    (tmp_path / 'crop/square').mkdir(parents=True)
    (tmp_path / 'synth/mixed/images').mkdir(parents=True)
    lineage.write_list(tmp_path / 'crop/square_train.json', CLASSES, rows(0, 21, 'train'))
    lineage.write_list(tmp_path / 'crop/square_val.json', CLASSES, rows(21, 6, 'val'))
    lineage.write_list(tmp_path / 'synth/mixed/train.json', CLASSES, [
        dict(img_path=f'images/{i}.jpg', gt_label=i % 3, split='train', box_source='synthetic', parents=[i, i + 3])
        for i in range(18)])
    for i in range(27):
        (tmp_path / f'crop/square/{i}.jpg').touch()
    return tmp_path


def read(folder, name):
    return lineage.read_list(folder / name)[1]


def test_folds_hold_out_all_of_train_and_val_without_their_children(work):
    places = gate_lists.write(work, work / 'models/gate', 'square', ['mixed'], 3)
    held = [{row['image_id'] for row in read(place, 'crop/square_val.json')} for place in places]
    assert [place.name for place in places] == ['fold1-of-3', 'fold2-of-3', 'fold3-of-3']
    assert [len(one) for one in held] == [9, 9, 9] and set().union(*held) == set(range(27))
    for place, out in zip(places, held):
        train = read(place, 'crop/square_train.json')
        assert {row['image_id'] for row in train} == set(range(27)) - out
        assert {row['split'] for row in train} == {'train'}
        assert {row['image_id'] for row in read(place, 'crop/square_test.json')} == out
        parents = [set(row['parents']) for row in read(place, 'synth/mixed/train.json')]
        assert parents and all(one.isdisjoint(out) for one in parents)
        assert len(parents) == sum(out.isdisjoint((i, i + 3)) for i in range(18))
        assert all((place / 'crop' / row['img_path']).is_file() for row in train)


def test_one_fold_is_train_and_val_as_they_are_and_the_same_bytes_again(work):
    place, = gate_lists.write(work, work / 'models/gate', 'square', ['mixed'], 1)
    assert place == work / 'models/gate/val'
    assert [row['image_id'] for row in read(place, 'crop/square_val.json')] == list(range(21, 27))
    assert len(read(place, 'synth/mixed/train.json')) == 18
    before = {path: path.read_bytes() for path in place.rglob('*.json')}
    gate_lists.write(work, work / 'models/gate', 'square', ['mixed'], 1)
    assert len(before) == 4 and {path: path.read_bytes() for path in place.rglob('*.json')} == before


def test_images_of_parents_are_told_from_those_of_a_trained_generator(work):
    assert gate_lists.is_of_parents(read(work, 'synth/mixed/train.json'))
    assert not gate_lists.is_of_parents([dict(seed=1)]) and not gate_lists.is_of_parents([])
