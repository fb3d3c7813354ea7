"""That the benchmarks measure what they say: the alternatives do our commands' work, and the numbers are right."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.core import coco, images, lineage
from tools.bench import child, chroma, converting, cropping, data, drawing, evaluating, measure, scaling
from tools.bench.measure import Run


@pytest.fixture(scope='module')
def birds(tmp_path_factory):
    """A folder with raw/, 20 linked images in CUB's layout, and convert/."""
    work = tmp_path_factory.mktemp('bench')
    files = drawing.pool(work / 'pool', width=120, height=90)
    drawing.birds(work / 'raw', files, 20)
    converting.convert('cub', work / 'raw', work / 'convert')
    return work


def test_the_naive_loop_cuts_what_crop_cuts(birds):
    cropping.crop(birds / 'convert', birds / 'crop', '--size', 64)
    jobs = cropping.naive_jobs(birds / 'crop', birds / 'naive')
    (birds / 'jobs.json').write_text(json.dumps(jobs))
    (birds / 'naive').mkdir()
    assert child.naive_crop(birds / 'jobs.json') == dict(crops=40)
    ours = [birds / 'crop' / row['img_path'] for split in coco.SPLITS for pair in zip(
        *(lineage.read_list(birds / 'crop' / f'{kind}_{split}.json')[1] for kind in ('box', 'square'))) for row in pair]
    padded = 0
    for mine, job in zip(ours, jobs, strict=True):
        a, b = images.decode(mine).astype(float), images.decode(Path(job['out'])).astype(float)
        x1, y1, x2, y2 = job['crop']
        outside = x1 < 0 or y1 < 0 or x2 > 120 or y2 > 90  # grey in ours, black in Pillow's
        assert a.shape == b.shape and (outside or np.abs(a - b).mean() < 6)
        padded += outside
    assert padded <= 10


@pytest.mark.parametrize(('dataset', 'layout'), [('cub', drawing.birds), ('dogs', drawing.dogs)])
def test_the_obvious_script_finds_what_convert_finds(birds, tmp_path, dataset, layout):
    raw = layout(tmp_path / 'raw', sorted((birds / 'pool').iterdir()), 40)
    converting.convert(dataset, raw, tmp_path / 'convert')
    child.naive_convert(dataset, raw, tmp_path / 'naive.json')
    naive = json.loads((tmp_path / 'naive.json').read_text())
    splits = coco.read_splits(tmp_path / 'convert').values()

    def rows(images, annotations):
        return sorted((images[row['image_id']]['file_name'].split('/')[-1], images[row['image_id']]['width'],
                       *np.round(row['bbox'], 1)) for row in annotations)

    ours = [row for split in splits for row in rows(split.images, sum(split.annotations.values(), []))]
    assert sorted(ours) == rows({row['id']: row for row in naive['images']}, naive['annotations'])


def test_both_evaluations_say_the_same_of_the_measured_case(tmp_path):
    case = [str(path) for path in evaluating.write_case(tmp_path, 20)]
    ours, reference = (child.evaluate(engine, *case) for engine in ('ours', 'pycocotools'))
    assert ours['numbers'] == reference['numbers']
    assert 0.1 < ours['numbers'][0] < 0.9


def test_both_ways_to_hash_a_folder_find_the_same(birds):
    ours, loop = (child.hash_folder(engine, str(birds / 'pool')) for engine in ('ours', 'loop'))
    assert ours['found'] == loop['found'] and ours['seconds'] > 0


def test_chroma_is_compared_over_photographs(birds, capsys):
    chroma.main(['--images', str(birds / 'pool'), '--count', '4'])
    count, _, _, _, *rows = capsys.readouterr().out.splitlines()
    assert count == '4 photographs' and [row.split('|')[1].strip() for row in rows] == ['100%', '75%', '50%', '30%']
    for row in rows:
        interpolated, repeated, fine, _ = (float(cell.split()[0]) for cell in row.split('|')[2:6])
        assert 25 < interpolated < fine and repeated > 25
    assert chroma.psnr(np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)) == 0
    assert chroma.main(['--images', str(birds / 'raw' / 'CUB_200_2011' / 'none')]) == 2


def test_a_process_is_measured_with_its_children():
    """A child of the process holds 300 MB for a while; both stay on one CPU."""
    program = ('import os, subprocess, sys; print(len(os.sched_getaffinity(0)));'
               'subprocess.run([sys.executable, "-c", "held = bytearray(b\'1\') * 300_000_000; '
               'import time; time.sleep(0.5)"])')
    found = measure.run('timeit', '-n1', '-r1', program)
    assert 300 < found.peak_mb < 700 and found.seconds > 0.5
    assert found.words.splitlines()[0] == '1'


def test_a_process_that_fails_is_an_error_with_its_words():
    with pytest.raises(RuntimeError, match='status 2'):
        measure.run('pipelines.crop', '--coco', 'nowhere')


def _runs(*seconds: float) -> list[Run]:
    return [Run(value, value, 100., '') for value in seconds]


def test_ratios_are_of_medians_and_alternatives_take_turns():
    order = []

    def candidate(name: str) -> Run:
        order.append(name)
        return Run(1., 1., 0., '')

    measure.alternate({name: lambda name=name: candidate(name) for name in 'ab'}, 3)
    assert order == ['a', 'b'] * 3
    assert measure.ratio([6, 4, 9], [2, 2, 1])[0] == 3
    assert measure.faster('x', 2.5, [2, 2, 1], [6, 4, 9]).holds
    assert str(measure.faster('x', 3.5, [2, 2, 1], [6, 4, 9])) == (
        '| x | 3.5x | 3.00x (2.00 to 9.00 in 3 rounds) | missed |')
    assert measure.within('y', 2, [1, 5, 1.5]).holds and not measure.within('y', 2, [3]).holds


def test_growth_is_judged_by_the_cost_of_one_more():
    linear = list(zip((1000, 10_000, 1_000_000), _runs(1.1, 2, 101)))
    assert [row.holds for row in scaling._rows('s', linear)] == [True, True]
    square = list(zip((1000, 10_000, 100_000), _runs(1.1, 2, 101)))
    assert [row.holds for row in scaling._rows('s', square)] == [False, None]  # too few images for the memory asked
    assert scaling._sizes(1_000_000) == [1000, 10_000, 100_000, 1_000_000] and scaling._sizes(4000) == [250, 1000, 4000]


def test_an_unknown_section_is_named(capsys):
    assert data.main(['--only', 'crop,speed']) == 2
    assert 'expected crop, convert, coco, hash, check, growth, found speed' in capsys.readouterr().err
