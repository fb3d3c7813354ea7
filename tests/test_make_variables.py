"""Make's variables are checked by name and value; clean removes what stages wrote, and nothing else."""
from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from data_converters.toy import toy
from pipelines.core import manifest
from pipelines.core.errors import InputError
from pipelines.openmm.engine import config_files
from tools import check_variables, clean

ROOT = Path(__file__).resolve().parents[1]
KNOWN = 'DATASET RAW WORK PROFILE WEIGHTS SEEDS GPUS JOBS'


def words_of(values: dict[str, str]) -> list[str]:
    return [word for name, value in values.items() for word in (f'--{name.replace("_", "-")}', value)]


def checked(capsys, *arguments: str, **values: str) -> tuple[int, str]:
    values = dict(dataset='toy-dogs', profile='toy', work='work_dirs', known=KNOWN, **values)
    status = check_variables.main([*arguments, *words_of(values)])
    return status, capsys.readouterr().err


def test_what_make_reads_is_right(capsys, tmp_path):
    (tmp_path / "raw data, Bob's").mkdir()
    assert checked(capsys, given='DATASET RAW WORK', raw=str(tmp_path / "raw data, Bob's")) == (0, '')


@pytest.mark.parametrize(('given', 'near'), [('DATSET', 'DATASET'), ('raw', 'RAW'), ('SEED', 'SEEDS'), ('GPU', 'GPUS')])
def test_an_unknown_variable_is_refused_with_the_nearest_name(capsys, given, near):
    status, words = checked(capsys, given=f'WORK {given}')
    assert status == 2 and f'{given}: expected a variable of make' in words and f'did you mean {near}?' in words


@pytest.mark.parametrize(('values', 'words'), [
    (dict(dataset='dogs'), 'RAW: expected the folder of the raw dogs data, found nothing'),
    (dict(raw='nowhere'), 'RAW: expected a folder, found nowhere'),
    (dict(dataset='a/b'), 'DATASET: expected a word'),
    (dict(dataset="Bob's"), 'DATASET: expected a path without blanks, quotes'),
    (dict(work='my work'), "WORK: expected a path without blanks, quotes and other characters of a shell, found 'my "),
    (dict(profile='huge'), 'PROFILE: expected full or laptop or toy, found huge'),
    (dict(profile='full', gpus='0'), 'PROFILE: expected a GPU that torch can use, for PROFILE=full, found none'),
    (dict(device='gpu'), 'DEVICE: expected cpu, or nothing')])
def test_wrong_values_are_named(capsys, values, words):
    values = {'dataset': 'toy-dogs', 'profile': 'toy', 'work': 'work_dirs', **values}
    status = check_variables.main(words_of(values))
    said = capsys.readouterr().err
    assert status == 2 and words in said and 'remedy: ' in said


@pytest.mark.parametrize(('name', 'value', 'words'), [
    ('seeds', 'a', 'SEEDS: expected a whole number from 0 to 4294967295, found a'),
    ('seeds', '0 1 01', 'SEEDS: expected each once'), ('seeds', '-1', 'SEEDS: expected a whole number'),
    ('seeds', ' ', 'SEEDS: expected a value, found nothing'), ('rows', '', 'ROWS: expected a value, found nothing'),
    ('rows', 'resnet50@round', 'expected a kind of crop'), ('rows', 'resnet5@box', 'did you mean resnet50'),
    ('rows', 'resnet50 resnet50@full', 'ROWS: expected each once, found resnet50@full twice'),
    ('detect', 'nope', 'expected a config in mm_configs/detect'), ('synth', '', 'SYNTH: expected a value'),
    ('synth', 'recombination recombination', 'SYNTH: expected each once, found recombination twice'),
    ('synth', 'recombination nope', 'expected a config in mm_configs/synth'),
    ('crop_size', 'abc', 'CROP_SIZE: expected a whole number from 8 to 4096, found abc'),
    ('boxes', 'train=dt', 'expected gt, det, or pairs'), ('test', 'maybe', 'TEST: expected yes or no, or nothing'),
    ('strict', 'no', 'STRICT: expected 1, or nothing, found no'), ('jobs', '0', 'JOBS: expected a whole'),
    ('max_bad', 'nan', 'MAX_BAD: expected a number from 0 to 1'), ('gpus', '-1', 'GPUS: expected a whole number'),
    ('images_per_class', '1.5', 'IMAGES_PER_CLASS: expected a whole number'), ('work', '', 'WORK: expected a value'),
    ('super', "king's", 'SUPER: expected a value without quotes'), ('inception', 'gone', 'INCEPTION: expected a file'),
    ('imagenet_ids', 'gone', 'IMAGENET_IDS: expected a file'), ('against', 'gone', 'AGAINST: expected a folder'),
    ('most', '0', 'MOST: expected a whole number'),
    ('boxes_from', "Bob's boxes", 'BOXES_FROM: expected a file or folder of boxes')])
def test_what_a_late_stage_would_refuse_is_refused_before_the_first(name, value, words):
    done = subprocess.run(['make', '--no-print-directory', 'variables', f'{name.upper()}={value}'], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 2 and words in done.stderr and 'remedy: ' in done.stderr, done.stderr


@pytest.mark.parametrize('words', [
    ['SEEDS=7 0', 'ROWS=resnet50@square-m30-gt+biggan-deep_256px-x50 resnet50', 'BOXES=test=gt', 'TEST=no', 'STRICT=1',
     'SYNTH=recombination biggan-deep_64px'],
    ['JOBS=2', 'GPUS=0', 'MAX_BAD=0.02', 'BOXES=', 'AGAIN=0', "BOXES_FROM=Bob's \"boxes\" of 1 day", 'WORK=x']])
def test_right_values_pass(words, tmp_path):
    (tmp_path / 'Bob\'s "boxes" of 1 day').mkdir()
    done = subprocess.run(['make', '--no-print-directory', '-f', ROOT / 'Makefile', '-I', ROOT, 'variables', *words],
                          cwd=tmp_path, capture_output=True, text=True, env={**os.environ, 'PYTHONPATH': str(ROOT)})
    assert (done.returncode, done.stderr) == (0, '')


def test_the_full_profile_on_a_cpu_is_for_those_who_say_so(capsys):
    values = ['--dataset', 'toy-dogs', '--profile', 'full', '--work', 'w', '--gpus', '0']
    assert check_variables.main(values) == 2
    assert check_variables.main([*values, '--device', 'cpu']) == 0


def test_values_may_come_from_the_environment_whole(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv('FGIC_RAW', "it's gone")
    assert check_variables.main(['--dataset', 'dogs', '--profile', 'laptop', '--work', 'w']) == 2
    assert "RAW: expected a folder, found it's gone" in capsys.readouterr().err


@pytest.mark.parametrize(('raw', 'results', 'how'), [
    ('w/dogs', 'w/dogs', 'the same folder'), ('w', 'w/dogs', 'above it'), ('w/dogs/raw', 'w/dogs', 'below it'),
    ('link', 'w/dogs', 'the same folder')])
def test_raw_data_and_results_lie_apart(tmp_path, raw, results, how):
    (tmp_path / 'w/dogs/raw').mkdir(parents=True)
    (tmp_path / 'link').symlink_to('w/dogs')
    with pytest.raises(InputError, match=f'expected a folder apart from the results in WORK/DATASET, .*, found {how}'):
        check_variables.check_apart(tmp_path / raw, tmp_path / results)
    check_variables.check_apart(tmp_path / 'w/dogs2', tmp_path / 'w/dogs')


def make(folder: Path, *, text: str = 'x') -> None:
    manifest.produce(folder, folder.name, {}, {}, lambda staging: (staging / 'a.txt').write_text(text) and None)


def test_clean_leaves_raw_data_that_lie_where_results_go(tmp_path, capsys):
    """WORK is exported by a site, and the raw data lie in WORK/dogs: what clean removed once."""
    root = tmp_path / 'work/dogs'
    toy('toy-dogs', tmp_path / 'drawn', classes=3, train=3, test=2)
    (tmp_path / 'drawn' / manifest.NAME).unlink()
    root.parent.mkdir()
    (tmp_path / 'drawn').rename(root)
    (root / 'empty').mkdir()
    raw = {path: path.stat().st_ino for path in root.rglob('*')}
    for name in ('convert', 'crop', 'models/classify/row-seed0'):
        make(root / name)
    (root / 'convert/images').symlink_to('../Images')
    removed = clean.clean(root)
    assert sorted(removed) == [root / name for name in ('convert', 'crop', 'models/classify/row-seed0')]
    assert {path: path.stat().st_ino for path in root.rglob('*')} == raw
    assert 'left in' in capsys.readouterr().out


def test_clean_removes_all_that_is_ours_and_the_folder(tmp_path, capsys):
    root = tmp_path / 'toy-dogs'
    for name in ('raw', 'convert', 'synth/gan', 'models/synth/gan'):
        make(root / name)
    (root / 'tries/classify/row-seed0/logs').mkdir(parents=True)
    (root / 'tries/classify/row-seed0/made-from.txt').write_text('x')
    with pytest.raises(RuntimeError):
        manifest.produce(root / 'models/detect/x', 'detect', {}, {}, stop, resume=True)
    assert len(clean.clean(root, dry_run=True)) == 6 and (root / 'convert').exists()
    assert len(clean.clean(root)) == 6 and not root.exists() and tmp_path.exists()
    clean.clean(root)
    assert 'no result to remove' in capsys.readouterr().out


def stop(folder: Path) -> None:
    raise RuntimeError


def test_clean_keeps_what_somebody_put_there_and_what_is_being_written(tmp_path, capsys):
    from filelock import FileLock

    root = tmp_path / 'toy-dogs'
    for name in ('convert', 'crop'):
        make(root / name)
    (root / 'crop/thesis.tex').write_text('my life')
    (root / 'page').mkdir()
    (root / 'page/manifest.json').write_text('{"name": "a web page"}')
    (root / 'link').symlink_to(root / 'crop')
    with FileLock(root / '.convert.lock'):
        assert clean.clean(root) == []
    said = capsys.readouterr().out
    assert 'convert: a stage is writing it now' in said and 'thesis.tex in it is not of its stage' in said
    assert clean.clean(root) == [root / 'convert'] and (root / 'crop/thesis.tex').exists()
    assert (root / 'page/manifest.json').exists() and (root / 'link').is_symlink()


@pytest.mark.parametrize('name', ['', '..', 'a/b', '.'])
def test_clean_asks_for_a_dataset(capsys, tmp_path, name):
    assert clean.main(['--work', str(tmp_path), '--dataset', name]) == 2
    assert 'DATASET: expected the name of a dataset' in capsys.readouterr().err


def test_both_run_before_set_up():
    """By a Python that has nothing but its own library."""
    for module in ('tools.clean', 'tools.check_variables'):
        program = (f'import runpy, sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv[1:] = ["--help"]; '
                   f'runpy.run_module({module!r}, run_name="__main__")')
        done = subprocess.run([sys.executable, '-I', '-S', '-c', program], capture_output=True, text=True,
                              env={'PATH': os.defpath})
        assert done.returncode == 0 and 'usage' in done.stdout, done.stderr


def test_make_exports_no_variable_that_a_config_reads():
    """An empty one would be in the place of the config's default."""
    exported = re.findall(r'^export (\w+)', (ROOT / 'Makefile').read_text(), re.MULTILINE)
    assert len(exported) > 10 and not {*exported} & {*config_files.GIVEN}
