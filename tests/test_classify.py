"""Which rows a table has, and what each is a change of."""
import pytest

from pipelines import classify, runs
from pipelines.core import rows
from pipelines.core.errors import InputError
from pipelines.core.rows import Row


@pytest.mark.parametrize(('row', 'parents'), [
    ('resnet50@full', ()),
    ('resnet50@square', ('resnet50@full',)),
    ('resnet50@square-m30', ('resnet50@square', 'resnet50@full')),
    ('resnet50@square+gan-x50', ('resnet50@square+gan', 'resnet50@square', 'resnet50@full')),
    ('resnet50_scratch@square', ('resnet50@square', 'resnet50_scratch@full')),
    ('mobilenet-v2-torchvision@box', ('mobilenet-v2@box', 'mobilenet-v2-torchvision@full'))])
def test_a_row_is_a_change_of_its_images_or_of_its_recipe(row, parents):
    assert classify.entry(Row.parse(row)).parents == parents


def test_a_config_can_name_the_row_it_is_compared_with(tmp_path):
    (tmp_path / 'mine.py').write_text('"""Mine."""\ncompared_with = \'resnet18_64px\'\n')
    entry = classify.entry(Row.parse(f'{tmp_path}/mine.py@square'))
    assert entry.parents == ('resnet18_64px@square', 'mine@full')
    assert (entry.title, entry.config, entry.name) == ('Mine, square crops', 'mine.py', 'mine@square')


def test_a_row_that_only_shares_its_name_with_a_parent_is_none(tmp_path):
    """My ResNet-18 is not the repository's, and what is a change of it is not one of that."""
    shipped = rows.recipe('resnet18_64px', 'classify')
    for name, base in {'resnet18_64px': shipped, 'smooth': './resnet18_64px.py'}.items():
        (tmp_path / f'{name}.py').write_text(f'_base_ = "{base}"\n')
    mine, smooth = (f'{tmp_path}/{name}.py@square' for name in ('resnet18_64px', 'smooth'))

    def parents(row: str, *table: str) -> tuple[str, ...]:
        return classify.entry(Row.parse(row), [Row.parse(one) for one in (row, *table)]).parents

    assert parents(smooth, mine) == (
        'resnet18_64px@square', 'mm_configs/classify/resnet18_64px.py@square', 'smooth@full')
    assert parents(smooth, 'resnet18_64px@square') == (
        'resnet18_64px.py@square', 'resnet18_64px@square', 'smooth@full')  # the second is what it goes back to
    assert parents(mine, 'resnet18_64px@full') == (
        'mm_configs/classify/resnet18_64px.py@square', 'resnet18_64px.py@full')


def test_every_folder_of_models_has_its_own_readings_of_test(tmp_path):
    row = Row.parse('resnet18_64px@full')
    places = {name: runs.Run(tmp_path, row, 0, tmp_path / 'models' / name).tested.parent.name
              for name in ('classify', 'lr1', 'lr2')}
    assert places == dict(classify='tested', lr1='lr1-tested', lr2='lr2-tested')


def test_rows_without_images_are_left_out_in_words(tmp_path, capsys):
    (tmp_path / 'crop').mkdir()
    table_rows = [Row.parse(f'resnet18_64px@{images}') for images in ('full', 'square', 'full+gan')]
    with pytest.raises(InputError, match='expected images for one row at least'):
        classify.available(table_rows, tmp_path)
    for split in ('train', 'val', 'test'):
        (tmp_path / f'crop/full_{split}.json').write_text('{}')
    assert classify.available(table_rows, tmp_path) == table_rows[:1]
    assert '[classify] without resnet18_64px@full+gan: there is no synth/gan/train.json' in capsys.readouterr().out
