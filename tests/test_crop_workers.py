from __future__ import annotations

import json

import pytest

from pipelines.core import lineage, shards
from pipelines.core.kinds import DEFAULT_KINDS
from pipelines.crop import crop, main, parse_boxes

ONE = shards.Engine(1)


def test_the_number_of_workers_changes_no_byte(toy_dogs_coco, tmp_path):
    for workers in (1, 2):
        crop(toy_dogs_coco, tmp_path / str(workers) / 'crop', by_split=parse_boxes('gt'), size=32,
             engine=shards.Engine(workers))
    first, second = ({path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob('*') if path.is_file()}
                     for out in (tmp_path / '1' / 'crop', tmp_path / '2' / 'crop'))
    assert first == second
    assert sum(name.startswith('square/') for name in first) == 36
    for kind in DEFAULT_KINDS:
        lineage.check_training_list(tmp_path / '1' / 'crop' / f'{kind}_train.json')


@pytest.mark.parametrize('workers', [1, 2])
def test_a_damaged_image_is_left_out_and_listed(toy_dogs_coco, tmp_path, capsys, workers):
    folder = tmp_path / 'convert'
    folder.mkdir()
    for split in ('train', 'val', 'test'):
        (folder / f'{split}.json').write_bytes((toy_dogs_coco / f'{split}.json').read_bytes())
    for path in sorted(toy_dogs_coco.joinpath('images').glob('*/*.jpg')):
        target = folder / 'images' / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    target.write_bytes(target.read_bytes()[:3000])
    name = f'{target.parent.name}/{target.name}'
    arguments = ['--coco', str(folder), '--boxes', 'gt', '--workers', str(workers)]
    assert main([*arguments, '--out', str(tmp_path / 'strict'), '--strict']) == 2
    assert f'{name}: expected an undamaged image' in capsys.readouterr().err
    assert not (tmp_path / 'strict').exists()

    assert main([*arguments, '--out', str(tmp_path / 'crop')]) == 3  # 1 of 36 is more than one in a hundred
    bad = json.loads((tmp_path / 'crop/quarantine.json').read_text())
    assert bad['images'] == 36 and [row['file'] for row in bad['quarantined']] == [name]
    split = bad['quarantined'][0]['split']
    assert json.loads((tmp_path / 'crop/summary.json').read_text())['mode_counts'][split]['quarantined'] == 1
    listed = [row['img_path'] for part in ('train', 'val', 'test')
              for row in lineage.read_list(tmp_path / f'crop/full_{part}.json')[1]]
    assert len(listed) == 35 and f'full/{name}' not in listed
    assert len(list((tmp_path / 'crop/box').rglob('*.jpg'))) == 35
