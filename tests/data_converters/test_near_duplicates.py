"""Photographs that look the same: found by their hash, listed by convert, and refused where that is asked for."""
from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_converters.convert import convert
from pipelines.core import images, json_files, near_duplicates
from pipelines.core.errors import InputError

REAL = Path(__file__).resolve().parents[2] / '../shared/data/dogs120_crops'


def scene(seed: int, width: int = 240, height: int = 180) -> np.ndarray:
    """(height, width, 3): soft noise of a few scales, as photographs have it."""
    rng, picture = np.random.default_rng(seed), np.zeros((height, width, 3))
    for cells in (3, 6, 12, 24, 48):
        noise = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8)).resize((width, height), 3)
        picture += np.asarray(noise, float) / cells ** 0.5
    return (255 * (picture - picture.min()) / np.ptp(picture)).astype(np.uint8)


def bits(a: str, b: str) -> int:
    return bin(int(a, 16) ^ int(b, 16)).count('1')


def recompressed(picture: np.ndarray) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, 'JPEG', quality=40)
    return np.asarray(Image.open(stream))


@pytest.mark.parametrize(('change', 'most'), [
    (recompressed, 8), (lambda p: np.asarray(Image.fromarray(p).resize((61, 45), 1)), 12),
    (lambda p: np.asarray(Image.fromarray(p).resize((224, 224))), 8),
    (lambda p: np.asarray(Image.fromarray(p).convert('L').convert('RGB')), 4),
    (lambda p: (255 * (p / 255.) ** 0.8).astype(np.uint8), 20), (lambda p: p[3:-3, 4:-4], 56)],
    ids=['quality', 'size', 'aspect', 'grey', 'brighter', 'margin'])
def test_a_copy_differs_in_few_bits(change, most):
    assert most <= near_duplicates.MOST_BITS
    for seed in range(8):
        assert bits(near_duplicates.hashed(scene(seed)), near_duplicates.hashed(change(scene(seed)))) <= most


def test_other_scenes_differ_in_many_bits():
    hashes = [near_duplicates.hashed(scene(seed)) for seed in range(40)]
    assert len(set(hashes)) == 40 and {len(one) for one in hashes} == {64}
    assert near_duplicates.pairs(hashes, 74) == [] and near_duplicates.sets(hashes) == []


def test_pairs_are_those_of_every_pair_looked_at(monkeypatch):
    monkeypatch.setattr(near_duplicates, '_AT_ONCE', 7)
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (60, 32), dtype=np.uint8)
    for copy, of, changed in ((50, 3, 7), (51, 50, 7), (59, 4, 8), (20, 4, 0)):  # bytes of 8 bits each
        rows[copy] = rows[of]
        rows[copy, copy % 16:copy % 16 + changed] ^= 255
    hashes = [row.tobytes().hex() for row in rows]
    expected = [(i, j, bits(hashes[i], hashes[j])) for i in range(60) for j in range(i + 1, 60)
                if bits(hashes[i], hashes[j]) <= 56]
    assert near_duplicates.pairs(hashes) == expected
    assert {(3, 50, 56), (50, 51, 56), (4, 20, 0)} <= set(expected) and (4, 59, 64) not in expected
    assert near_duplicates.sets(hashes) == [[3, 50, 51], [4, 20]]  # 3 and 51 by the one in between
    assert near_duplicates.pairs([]) == [] and near_duplicates.sets([]) == []


@pytest.fixture
def raw(tmp_path) -> Path:
    """Two classes, split by folders, of scenes that all differ."""
    for number, name in enumerate(f'{split}/{label}/{i}.jpg' for split in ('train', 'test') for label in ('fox', 'cat')
                                  for i in range(5)):
        path = tmp_path / 'raw' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(images.encode_jpeg(scene(number), 95))
    return tmp_path / 'raw'


def smaller(source: Path, target: Path) -> None:
    target.write_bytes(images.encode_jpeg(images.fit(images.decode(source), 100), 80))


def test_convert_lists_what_looks_the_same_in_two_splits_or_under_two_labels(raw, tmp_path, capsys):
    smaller(raw / 'train/fox/0.jpg', raw / 'test/fox/0.jpg')
    smaller(raw / 'train/fox/1.jpg', raw / 'train/cat/1.jpg')
    convert('own', raw, tmp_path / 'out', verify=True)
    rows = json_files.read(tmp_path / 'out/duplicates.json')
    assert [(row['kind'], row['splits'], row['labels'], [file['file'] for file in row['files']]) for row in rows
            if 'test/fox/0.jpg' in str(row)] == [('near', True, False, ['test/fox/0.jpg', 'train/fox/0.jpg'])]
    assert [row['labels'] for row in rows if 'train/cat/1.jpg' in str(row)] == [True] and len(rows) == 2
    assert json_files.read(tmp_path / 'out/summary.json')['near_duplicates'] == 2
    said = capsys.readouterr().err
    assert 'duplicates in two splits or under two labels: 2' in said and '2 are not the same bytes, but look' in said
    with pytest.raises(InputError, match='expected no duplicate in two splits or under two labels'):
        convert('own', raw, tmp_path / 'out', verify=True, strict=True)


def test_within_a_split_and_a_label_nothing_is_said(raw, tmp_path):
    smaller(raw / 'test/fox/0.jpg', raw / 'test/fox/1.jpg')
    convert('own', raw, tmp_path / 'out', verify=True)
    assert json_files.read(tmp_path / 'out/duplicates.json') == []


def test_without_decoding_nothing_is_looked_for(raw, tmp_path):
    smaller(raw / 'train/fox/0.jpg', raw / 'test/fox/0.jpg')
    convert('own', raw, tmp_path / 'out')
    assert json_files.read(tmp_path / 'out/duplicates.json') == []
    assert json_files.read(tmp_path / 'out/summary.json')['near_duplicates'] is None


def test_the_same_bytes_are_told_once(toy_birds_raw, tmp_path):
    raw = shutil.copytree(toy_birds_raw, tmp_path / 'raw') / 'CUB_200_2011'
    rows = [line.split()[1] for line in (raw / 'images.txt').read_text().splitlines()]
    shutil.copy(raw / 'images' / rows[0], raw / 'images' / rows[11])  # from train to test
    convert('toy-birds', raw, tmp_path / 'out', verify=True)
    listed = json_files.read(tmp_path / 'out/duplicates.json')
    assert [row['kind'] for row in listed] == ['bytes']
    assert [file['file'] for file in listed[0]['files']] == [rows[0], rows[11]]


@pytest.mark.parametrize('dataset', ['toy-dogs', 'toy-birds'])
def test_drawn_sets_have_none(toy_dogs_raw, toy_birds_raw, tmp_path, dataset):
    raw = toy_dogs_raw if dataset == 'toy-dogs' else toy_birds_raw
    convert(dataset, raw, tmp_path / 'out', verify=True, strict=True)
    assert json_files.read(tmp_path / 'out/summary.json')['near_duplicates'] == 0


@pytest.mark.skipif(not REAL.is_dir(), reason='needs ../shared/data/dogs120_crops')
def test_real_photographs_that_are_the_same_scene_are_found():
    """A miniature poodle that is a toy poodle elsewhere; a Sussex spaniel twice; two other dogs in one pose."""
    names = ['test/n02113712-miniature_poodle/n02113712_1558', 'train/n02113624-toy_poodle/n02113624_2258',
             'test/n02102480-Sussex_spaniel/n02102480_2899', 'train/n02102480-Sussex_spaniel/n02102480_2041',
             'test/n02102973-Irish_water_spaniel/n02102973_1037']
    files = [REAL / f'{name}.jpg' for name in names]
    hashes = [near_duplicates.hashed(images.decode(file)) for file in files]
    assert near_duplicates.sets(hashes) == [[0, 1], [2, 3]]
