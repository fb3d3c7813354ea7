"""Results that were made from each other fit together, or what does not is named."""
from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core import manifest
from pipelines.core.errors import InputError


def stage(root: Path, name: str, text: str, *reads: str, file: str = 'a.txt') -> None:
    """A result of one file, made from files of other results."""
    manifest.produce(root / name, name, dict(text=text), {path: root / path for path in reads},
                     lambda folder: (folder / file).write_text(text) and None)


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    stage(tmp_path, 'convert', 'images')
    stage(tmp_path, 'models/detect/x', 'weights', 'convert/a.txt', file='model.pth')
    stage(tmp_path, 'detect', 'boxes', 'convert/a.txt', 'models/detect/x/model.pth')
    stage(tmp_path, 'crop', 'crops', 'convert/a.txt', 'detect/a.txt')
    stage(tmp_path, 'synth', 'synthetic', 'crop/a.txt')
    return tmp_path


def test_a_chain_that_fits_is_silent(chain):
    manifest.check_chain(chain, 'synth', 'crop', 'a-stage-that-has-not-run')


@pytest.mark.parametrize(('again', 'reads', 'message'), [
    ('crop', ('convert/a.txt', 'detect/a.txt'),
     r'synth: expected a result made from the present crop, found one made from another crop/a.txt\n.*make synth'),
    ('models/detect/x', ('convert/a.txt',), r'detect: expected .* the present models/detect/x,.*\n.*make detect'),
    ('convert', (), r'crop: expected a result made from the present convert, .*\n.*: make crop')])
def test_a_result_of_another_state_is_named_with_the_stage_to_run_again(chain, again, reads, message):
    stage(chain, again, 'another', *reads, file='model.pth' if 'models' in again else 'a.txt')
    with pytest.raises(InputError, match=message):
        manifest.check_chain(chain, 'synth')


def test_a_stage_that_was_run_again_with_the_same_bytes_changes_nothing(chain):
    stage(chain, 'convert', 'images')
    manifest.check_chain(chain, 'synth')


def test_a_result_that_lies_elsewhere_is_compared_there(chain, tmp_path):
    stage(other := tmp_path / 'other', 'convert', 'other images')
    manifest.check_chain(chain, 'detect')
    with pytest.raises(InputError, match=r'detect: expected a result made from the present convert'):
        manifest.check_chain(chain, 'detect', places=dict(convert=other / 'convert'))


def test_two_results_of_other_states_of_one_folder_do_not_go_together(tmp_path):
    (tmp_path / 'raw.txt').write_text('one')
    for name, text in (('detect', 'one'), ('crop', 'two')):
        (tmp_path / 'raw.txt').write_text(text)
        manifest.produce(tmp_path / name, name, {}, {'convert/images': tmp_path / 'raw.txt'}, lambda folder: None)
    with pytest.raises(InputError, match=r'crop: expected a result made from the convert/images that detect was made '
                                         r'from.*\n.*make crop detect'):
        manifest.check_chain(tmp_path, 'detect', 'crop')


def test_several_results_are_those_that_a_run_made_or_found(tmp_path):
    for name in ('one', 'two'):
        stage(tmp_path, name, name)
    wanted = {tmp_path / name: dict(text=name) for name in ('one', 'two')}
    with manifest.reading(wanted):
        pass
    stage(tmp_path, 'two', 'of another run')
    with pytest.raises(InputError, match=r'two: expected the result that this run made or found there'), \
            manifest.reading(wanted):
        pass
