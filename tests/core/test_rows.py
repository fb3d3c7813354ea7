import pytest

from pipelines.core.errors import InputError
from pipelines.core.rows import CONFIGS, Images, Row, recipe


@pytest.mark.parametrize(('text', 'kind', 'generator', 'percent', 'words'), [
    ('full', 'full', None, 100, 'full images'),
    ('square-m30', 'square-m30', None, 100, 'square crops, margin 30 %'),
    ('box-gt', 'box-gt', None, 100, 'box crops, annotated boxes'),
    ('square+biggan-deep_64px', 'square', 'biggan-deep_64px', 100, 'square crops + biggan-deep_64px'),
    ('square-m0-gt+gan-x50', 'square-m0-gt', 'gan', 50,
     'square crops, margin 0 %, annotated boxes + gan (50 % as many)')])
def test_images_are_spelt_one_way(text, kind, generator, percent, words):
    images = Images.parse(text)
    assert images == Images(kind, generator, percent)
    assert str(images) == text and images.words == words


@pytest.mark.parametrize('text', ['', 'crop', 'square-x50', 'full-gt', 'square-30', 'square+', 'square+a/b',
                                  'square+a b', 'square-m10'])
def test_other_spellings_are_refused_with_an_example(text):
    with pytest.raises(InputError, match='square-m30|resnet50@square|write'):
        Images.parse(text)


def test_synthetic_images_in_the_place_of_real_ones():
    images = Images.parse('square-lt10+flow-p2-p10')
    assert images == Images('square', 'flow-p2', 10, replaces=True, imbalance=10)
    assert str(images) == 'square-lt10+flow-p2-p10'
    assert images.words == 'square crops, long tail 10 + flow-p2 (in place of 10 %)'
    assert list(map(str, images.simpler()))[0] == 'square-lt10'  # of real images alone, in as many steps
    with pytest.raises(InputError, match='probability from 1 to 100 %.*\n.*write -p10, or -x150'):
        Images.parse('square+gan-p150')
    assert Images.parse('square+gan-p0').generator == 'gan-p0'  # the name of a result


def test_the_lists_of_a_row():
    assert Images.parse('square+gan').lists() == [
        'crop/square_train.json', 'crop/square_val.json', 'crop/square_test.json', 'synth/gan/train.json']
    assert Images.parse('square+gan').lists(['test']) == ['crop/square_test.json']


def test_what_images_are_a_change_of():
    assert list(map(str, Images.parse('square-m30+gan-x50').simpler())) == [
        'square-m30+gan', 'square-m30', 'square', 'full']
    assert list(map(str, Images.parse('box').simpler())) == ['full'] and not list(Images.parse('full').simpler())


def test_a_row_is_a_recipe_and_its_images(tmp_path):
    row = Row.parse('resnet50@square')
    assert row == Row(CONFIGS / 'classify/resnet50.py', Images('square')) and row.name == 'resnet50@square'
    assert Row.parse('resnet50').name == 'resnet50@full'
    (own := tmp_path / 'mine.py').write_text('')
    assert Row.parse(f'{own}@box').name == 'mine@box'


@pytest.mark.parametrize('text', ['@square', 'resnet50@square@box', ''])
def test_what_is_no_row(text):
    with pytest.raises(InputError, match='expected RECIPE@IMAGES'):
        Row.parse(text)


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(InputError, match='did you mean resnet50'):
        recipe('resnet5O', 'classify')
    with pytest.raises(InputError, match='expected a config in mm_configs/detect'):
        recipe('nothing/here.py', 'detect')
