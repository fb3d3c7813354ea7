from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat

from data_converters import toy, toy_animals
from data_converters.toy_drawing import Part, limb, rasterise
from pipelines.core.errors import InputError


def test_a_mask_is_exact():
    square = Part(np.array([(0, 0), (1, 0), (1, 0.5), (0, 0.5)]), (200, 100, 50))
    picture, mask = rasterise([square], 40, np.random.default_rng(0))
    rows, columns = np.nonzero(np.asarray(mask) >= 128)
    assert picture.size == mask.size == (42, 22)
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (1, 1, 41, 21)


def test_markings_stay_on_the_coat():
    body = Part(np.array([(0, 0), (1, 0), (1, 1), (0, 1)]), (200, 200, 200))
    spot = Part(np.array([(0.5, -1), (2, -1), (2, 2), (0.5, 2)]), (0, 0, 0), marking=True)
    picture, mask = rasterise([body, spot], 30, np.random.default_rng(0))
    assert picture.size == (32, 32)  # the marking does not enlarge the animal
    pixels = np.asarray(picture)[4:28]
    assert pixels[:, 3:14].min() > 120 and pixels[:, 18:28].max() == 0


def test_a_limb_ends_round():
    outline = limb([(0, 0), (5, 0), (10, 0)], [2, 2, 2])
    assert outline[:, 0].max() == pytest.approx(11, abs=0.05)
    assert (outline[:, 1].min(), outline[:, 1].max()) == pytest.approx((-1, 1))


@pytest.mark.parametrize(('kinds', 'draw'), [(toy_animals.DOGS, toy_animals.draw_dog),
                                              (toy_animals.BIRDS, toy_animals.draw_bird)])
def test_kinds_are_told_apart_by_more_than_a_name(kinds, draw):
    traits = {tuple(vars(kind).values())[1:] for kind in kinds}
    assert len(traits) == len(kinds) == 8
    # the same random stream gives the same pose and colours, so whatever differs is the kind
    pictures = {rasterise(draw(kind, np.random.default_rng(5)), 60, np.random.default_rng(0))[0].tobytes()
                for kind in kinds}
    assert len(pictures) == 8


@pytest.mark.parametrize('number', range(4))
def test_a_box_is_that_of_the_drawn_pixels(number):
    """An animal in a colour that no scenery has is found again in the picture, where its box says."""
    outline = np.array([(0, 0), (1, 0), (1, 0.2), (0.6, 0.2), (0.6, 0.7), (0, 0.7)])
    picture = toy.draw(1, number, True, lambda rng: [Part(outline, (255, 0, 255))], seed=0, two=False)
    pixels = np.asarray(Image.open(io.BytesIO(picture.jpeg))).astype(int)
    rows, columns = np.nonzero(np.minimum(pixels[..., 0], pixels[..., 2]) - pixels[..., 1] > 70)
    found = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    width, height = picture.size
    assert pixels.shape == (height, width, 3)
    assert np.abs(picture.boxes[0] - found).max() <= 1
    x1, y1, x2, y2 = picture.boxes[0]
    assert 0.07 <= (x2 - x1) * (y2 - y1) / (width * height) <= 0.31


def test_two_dogs_do_not_overlap():
    both = 0
    for number in range(12):
        boxes = toy.draw(0, number, True, lambda rng: toy_animals.draw_dog(toy_animals.DOGS[0], rng), seed=3,
                         two=True).boxes
        if len(boxes) == 2:
            both += 1
            (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = boxes
            assert ax2 <= bx1 or bx2 <= ax1 or ay2 <= by1 or by2 <= ay1
    assert both >= 9


def test_dogs_have_the_official_layout(toy_dogs_raw):
    lists = {name: loadmat(toy_dogs_raw / 'lists' / f'{name}_list.mat') for name in ('file', 'train', 'test')}
    assert [len(lists[name]['file_list']) for name in lists] == [36, 24, 12]
    assert lists['train']['file_list'][0, 0].item() == 'n90000001-Amber_spitz/n90000001_1.jpg'
    assert lists['train']['annotation_list'][0, 0].item() == 'n90000001-Amber_spitz/n90000001_1'
    assert lists['test']['labels'][:, 0].tolist() == [1] * 4 + [2] * 4 + [3] * 4
    odd = (toy_dogs_raw / 'Annotation' / 'n90000001-Amber_spitz' / 'n90000001_6').read_text()
    assert '<folder>%s</folder>' in odd and '<filename>%s</filename>' in odd


def test_birds_have_the_official_layout(toy_birds_raw):
    root = toy_birds_raw / 'CUB_200_2011'
    assert (root / 'classes.txt').read_text().splitlines()[0] == '1 001.Barred_finch'
    rows = {name: (root / f'{name}.txt').read_text().splitlines()
            for name in ('images', 'bounding_boxes', 'image_class_labels', 'train_test_split')}
    assert {name: len(lines) for name, lines in rows.items()} == dict.fromkeys(rows, 36)
    assert sum(line.endswith(' 1') for line in rows['train_test_split']) == 24
    assert all((root / 'images' / line.split()[1]).is_file() for line in rows['images'])


@pytest.mark.parametrize('dataset', toy.DATASETS)
def test_equal_seeds_give_equal_bytes(tmp_path, dataset):
    def content(name: str, seed: int) -> dict[str, bytes]:
        toy.toy(dataset, tmp_path / name, seed=seed, classes=2, train=2, test=1)
        return {path.relative_to(tmp_path / name).as_posix(): path.read_bytes()
                for path in (tmp_path / name).rglob('*') if path.is_file()}

    first = content('a', 0)
    assert first == content('b', 0)
    assert first != content('c', 1)


@pytest.mark.parametrize(('changes', 'message'), [
    (dict(dataset='toy-cats'), '--dataset: expected toy-dogs or toy-birds, found toy-cats'),
    (dict(classes=9), '--classes: expected 2 to 8, found 9'),
    (dict(train=1), '--train: expected 2 to 9999, found 1'),
])
def test_wrong_options_are_named(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        toy.toy(**{'dataset': 'toy-dogs', 'out': tmp_path / 'out', **changes})
