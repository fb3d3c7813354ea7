"""The table, and files that are found, checked and loaded; downloads themselves are in test_download.py."""
from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pipelines.core.errors import InputError
from pipelines.openmm.weights import loading as weights
from pipelines.openmm.weights.table import TABLE, Weights
from tools import weights as tool


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """An empty mirror folder and an empty cache; no source can be reached."""
    mirror, cache = tmp_path / 'mirror', tmp_path / 'fgic' / 'weights'
    mirror.mkdir()
    cache.mkdir(parents=True)
    monkeypatch.setenv('FGIC_WEIGHTS', str(mirror))
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    weights.resolve.cache_clear()
    return mirror, cache


def put(folder: Path, monkeypatch: pytest.MonkeyPatch, *, digits: int = 64, **fields) -> tuple[Path, str]:
    """A file in a folder, and a row ``mine`` for it that says so many digits; the file and its SHA-256."""
    path = folder / 'mine.safetensors'
    save_file({'weight': torch.arange(3.)}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setitem(TABLE, 'mine', Weights('mine.safetensors', digest[:digits], 'MIT', **fields))
    return path, digest


def test_the_mirror_comes_before_the_cache(places, monkeypatch):
    mirror, cache = places
    path, _ = put(cache, monkeypatch)
    assert weights.fetch('mine') == path
    path, _ = put(mirror, monkeypatch)
    assert weights.fetch('mine') == path
    assert torch.equal(weights.state('mine')['weight'], torch.arange(3.))


def test_a_file_with_another_sha256_is_refused(places, monkeypatch):
    path, digest = put(places[0], monkeypatch, digits=8)
    path.write_bytes(path.read_bytes() + b'x')
    with pytest.raises(InputError, match=f'mine.safetensors: expected SHA-256 {digest[:8]}, found'):
        weights.state('mine')


def test_a_missing_file_says_where_it_was_looked_for_and_how_to_give_it(places, monkeypatch):
    with pytest.raises(InputError, match='expected the file mobilenet_v2_imagenet1k.pth, found none in .*mirror or '):
        weights.resolve('mobilenet_v2_imagenet1k')
    with pytest.raises(InputError, match='one of .*resnet50_imagenet1k'):
        weights.resolve('resnet_50')
    monkeypatch.setitem(TABLE, 'mine', Weights('mine.pth', '00', 'MIT', ('http://127.0.0.1:9/mine.pth',)))
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    with pytest.raises(InputError, match=r'127.0.0.1:9/mine.pth: .*refused.*\n.*; or give .*WEIGHTS=FOLDER'):
        weights.resolve('mine')


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package that holds the file of a row ``mine``."""
    folder = tmp_path / 'site'
    (folder / 'mine_package/models').mkdir(parents=True)
    (info := folder / 'mine_package-1.0.dist-info').mkdir()
    (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: mine-package\nVersion: 1.0\n')
    (info / 'RECORD').write_text('mine_package/models/mine.safetensors,,\n')
    monkeypatch.syspath_prepend(folder)
    return put(folder / 'mine_package/models', monkeypatch, package='mine-package')[0]


def test_a_file_of_a_package_is_used_where_no_folder_has_it(places, package):
    assert weights.fetch('mine') == package and tool.state('mine') == ('here', str(package), '')
    assert torch.equal(weights.state('mine')['weight'], torch.arange(3.))
    (places[1] / 'mine.safetensors').write_bytes(package.read_bytes())
    assert weights.fetch('mine') == places[1] / 'mine.safetensors'


def test_a_package_that_is_gone_or_damaged_is_installed_again(places, package):
    package.write_bytes(b'x')
    with pytest.raises(InputError, match='expected SHA-256 .*\n.*pip uninstall -y mine-package && .*make setup'):
        weights.fetch('mine')
    assert 'pip uninstall -y mine-package' in tool.state('mine')[2]
    package.unlink()
    with pytest.raises(InputError, match='the file mine.safetensors, found .*\n.*install mine-package: .*make setup'):
        weights.fetch('mine')
    assert tool.state('mine') == ('not here', 'package mine-package', weights.REINSTALL)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that a server on this machine gives away, as ``Weights.urls`` of a row ``mine``."""
    folder = tmp_path / 'source'
    folder.mkdir()
    with ThreadingHTTPServer(('127.0.0.1', 0), partial(SimpleHTTPRequestHandler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv('no_proxy', '127.0.0.1')
        put(folder, monkeypatch, urls=(f'http://127.0.0.1:{server.server_port}/mine.safetensors',))
        yield folder
        server.shutdown()


def test_a_name_is_downloaded_into_the_cache_once(places, source):
    assert torch.equal(weights.state('mine')['weight'], torch.arange(3.))
    (source / 'mine.safetensors').unlink()
    weights.resolve.cache_clear()
    assert weights.resolve('mine') == places[1] / 'mine.safetensors'


def test_a_download_with_another_sha256_never_reaches_the_cache(places, source):
    (source / 'mine.safetensors').write_bytes(b'something else')
    with pytest.raises(InputError, match=f'got "{hashlib.sha256(b"something else").hexdigest()}'):
        weights.resolve('mine')
    assert not (places[1] / 'mine.safetensors').exists()


def test_a_file_whose_sha256_nobody_knows_is_used_once_the_user_states_it(places, monkeypatch, capsys):
    path, digest = put(places[0], monkeypatch, digits=0)
    with pytest.raises(InputError, match='python -m tools.weights mine --sha256 HEX'):
        weights.resolve('mine')
    assert tool.main(['mine', '--sha256', 'ab' * 32]) == 2  # another one
    assert tool.main(['mine', '--sha256', 'ab']) == 2  # not a whole one
    assert f'expected SHA-256 {"ab" * 32}, found {digest}' in capsys.readouterr().err
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name]
    assert tool.main(['mine', '--sha256', digest.upper()]) == 0
    assert weights.resolve('mine') == path
    assert (path.parent / 'mine.safetensors.sha256').read_text() == f'{digest}  mine.safetensors\n'

    weights.resolve.cache_clear()
    path.write_bytes(path.read_bytes() + b'x')
    with pytest.raises(InputError, match=f'expected SHA-256 {digest}, found'):
        weights.resolve('mine')


def test_a_file_is_accepted_as_it_came_only_once(places, monkeypatch):
    path, digest = put(places[1], monkeypatch, digits=0)
    assert tool.main(['mine', '--accept']) == 0
    path.write_bytes(path.read_bytes() + b'x')
    assert tool.main(['mine', '--accept']) == 2
    assert weights.stated('mine', path) == digest


def test_half_a_file_is_not_accepted(places, monkeypatch, capsys):
    path, _ = put(places[1], monkeypatch, digits=0)
    path.write_bytes(path.read_bytes()[:-1])
    assert tool.main(['mine', '--accept']) == 2
    assert 'expected a file of tensors and plain values' in capsys.readouterr().err
    assert not (places[1] / 'mine.safetensors.sha256').exists()


BASE = """'''Docstring with weights://words.'''
model = dict(backbone=dict(depth=50, init_cfg=dict(type='Pretrained', checkpoint='weights://one')),
             head={'start': 'weights://two'})
load_from = None
"""


@pytest.mark.parametrize('child, expected', [
    ('', ['one', 'two']),
    ("model = dict(backbone=dict(init_cfg=dict(checkpoint='weights://other')))", ['other', 'two']),
    ('model = dict(backbone=dict(init_cfg=None), head=None)', []),
    ("model = dict(backbone=dict(_delete_=True, type='ResNet'))", ['two']),
    ("load_from = '{{$MY_START:weights://three}}'", ['one', 'three', 'two'])])
def test_a_config_names_what_it_and_its_bases_say_together(tmp_path: Path, child: str, expected: list[str]):
    (tmp_path / 'base.py').write_text(BASE)
    (leaf := tmp_path / 'leaf.py').write_text("_base_ = './base.py'\n")
    assert weights.named(leaf) == ['one', 'two']
    leaf.write_text(f"_base_ = './base.py'\n{child}\n")
    assert weights.named(leaf) == expected


def test_the_list_says_what_is_here_and_where_the_others_are(places, monkeypatch, capsys):
    path, _ = put(places[1], monkeypatch)
    assert tool.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f'{"mine":30}here      {path}' in lines
    assert f'{"resnet50_imagenet1k":30}not here  https://download.pytorch.org/models/resnet50-0676ba61.pth' in lines
    assert any('python -m tools.weights biggan_deep_128 --sha256 HEX' in line for line in lines)
    path.write_bytes(b'x')
    state, where, remedy = tool.state('mine')
    assert (state, remedy) == ('wrong', f'rm {path}') and 'expected SHA-256' in where


class Bomb:
    """Unpickled by a loader that runs code, it makes the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize('legacy', [False, True], ids=['zip', 'before torch 1.6'])
def test_a_pickle_that_would_run_code_is_refused_and_nothing_runs(tmp_path, legacy):
    path = tmp_path / 'bomb.pth'
    torch.save({'weight': torch.zeros(1), 'more': Bomb(tmp_path / 'ran')}, path,
               _use_new_zipfile_serialization=not legacy)
    with pytest.raises(InputError, match='bomb.pth: expected a file of tensors and plain values'):
        weights.load(path)
    assert not (tmp_path / 'ran').exists()
    torch.load(path, weights_only=False)
    assert (tmp_path / 'ran').exists()  # it is a real one


@pytest.mark.parametrize('name', ['cut.safetensors', 'cut.pth'])
def test_a_damaged_file_is_named(tmp_path, name):
    path = tmp_path / name
    tensors = {'weight': torch.arange(1000.)}
    torch.save(tensors, path) if path.suffix == '.pth' else save_file(tensors, path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InputError, match=f'{name}: expected a file of tensors'):
        weights.load(path)


def test_torchvision_rows_are_torchvisions_own():
    import torchvision
    weight = torchvision.models.get_weight
    assert {name: row.urls[0] for name, row in TABLE.items() if row.licence == 'BSD-3-Clause'} == {
        'densenet121_imagenet1k': weight('DenseNet121_Weights.IMAGENET1K_V1').url,
        'efficientnet_b5_imagenet1k': weight('EfficientNet_B5_Weights.IMAGENET1K_V1').url,
        'mobilenet_v2_torchvision': weight('MobileNet_V2_Weights.IMAGENET1K_V1').url,
        'resnet18_imagenet1k': weight('ResNet18_Weights.IMAGENET1K_V1').url,
        'resnet50_imagenet1k': weight('ResNet50_Weights.IMAGENET1K_V1').url,
        'resnet101_imagenet1k': weight('ResNet101_Weights.IMAGENET1K_V1').url,
        'resnext101_32x8d_imagenet1k': weight('ResNeXt101_32X8D_Weights.IMAGENET1K_V1').url,
        'faster_rcnn_r50_fpn_coco': weight('FasterRCNN_ResNet50_FPN_Weights.COCO_V1').url}
    assert TABLE['resnet50_imagenet1k'].sha256 == '0676ba61'


def test_timm_rows_are_timms_own():
    import timm
    rows = {row.file.removesuffix('.safetensors'): row for row in TABLE.values() if row.file.endswith('.safetensors')}
    assert len(rows) == 4
    configs = {name: timm.get_pretrained_cfg(name) for name in rows}
    for name, row in rows.items():
        assert row.urls == (f'https://huggingface.co/{configs[name].hf_hub_id}/resolve/main/model.safetensors',)
    released = TABLE['efficientnetv2_rw_s_in1k']
    rows['released'], configs['released'] = released, timm.get_pretrained_cfg('efficientnetv2_rw_s.ra2_in1k')
    assert released.urls == (configs['released'].url,)
    assert released.urls[0].endswith(f'/{released.file}') and released.file.endswith(f'-{released.sha256}.pth')
    for name, row in rows.items():
        assert row.licence.lower() == configs[name].license
        for ours, theirs in zip(row.normalisation, (configs[name].mean, configs[name].std), strict=True):
            assert ours == pytest.approx([255 * value for value in theirs])


def test_biggan_rows_are_the_packages_own(biggan_package):
    from pytorch_pretrained_biggan.model import PRETRAINED_MODEL_ARCHIVE_MAP as urls
    for size in (128, 256):
        assert TABLE[f'biggan_deep_{size}'].urls == (urls[f'biggan-deep-{size}'],)
