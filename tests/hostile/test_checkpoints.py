"""Weight files from strangers: nothing in them is executed, and a damaged one is an error with one line."""
from __future__ import annotations

import importlib
import io
import operator
import pickle
import tarfile
import zipfile
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import pytest

from pipelines.core.errors import InputError
from tests.hostile import FULL, edited, random_edits

torch = pytest.importorskip('torch')
from pipelines.openmm.weights import loading as weights  # noqa: E402


class Calls:
    """Pickles as a call."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def attribute(path: str):
    module, _, name = path.rpartition('.')
    return getattr(importlib.import_module(module), name)


def text(module: str, name: str, command: str, form: str = 'i') -> bytes:
    """Written by hand: the opcodes INST (i), GLOBAL and REDUCE (R), OBJ (o)."""
    argument = f'V{command}\n'
    return dict(i=f'({argument}i{module}\n{name}\n.', R=f'c{module}\n{name}\n({argument}tR.',
                o=f'(c{module}\n{name}\n{argument}o.')[form].encode()


def gadgets(canary: Path) -> dict[str, object]:
    """What a pickle can do; each creates the canary when it is loaded by pickle itself."""
    shell, code = f'touch {canary}', f'open({str(canary)!r}, "w").close()'
    return {
        'os.system': Calls(attribute('os.system'), shell),
        'subprocess': Calls(attribute('subprocess.check_call'), ['touch', str(canary)]),
        'subprocess.Popen.wait': Calls(operator.methodcaller('wait'), Calls(attribute('subprocess.Popen'),
                                                                             ['touch', str(canary)])),
        'os.popen.read': Calls(operator.methodcaller('read'), Calls(attribute('os.popen'), shell)),
        'eval': Calls(eval, code), 'exec': Calls(exec, code), 'open': Calls(open, str(canary), 'w'),
        'pathlib': Calls(Path.touch, canary),
        'import': Calls(operator.methodcaller('system', shell), Calls(importlib.import_module, 'os')),
        'partial': Calls(partial(attribute('os.system'), shell)),
        'map': Calls(list, Calls(map, attribute('os.system'), [shell])),
        'runpy': Calls(attribute('runpy.run_path'), str(canary.with_name('script.py'))),
        'timeit': Calls(attribute('timeit.timeit'), code, 'pass', attribute('time.perf_counter'), 1),
        'numpy.load': Calls(np.load, str(canary.with_name('inner.npy')), None, True),
        'torch.load': Calls(partial(torch.load, str(canary.with_name('inner.pth')), weights_only=False)),
        'shutil': Calls(attribute('shutil.copyfile'), str(canary.with_name('script.py')), str(canary)),
        'logging': Calls(attribute('logging.FileHandler'), str(canary)),
        'sqlite': Calls(operator.methodcaller('execute', 'create table x (y)'), Calls(attribute('sqlite3.connect'),
                                                                                    str(canary))),
        'opcode INST': text('posix', 'system', shell), 'opcode REDUCE': text('posix', 'system', shell, 'R'),
        'opcode OBJ': text('posix', 'system', shell, 'o'), 'opcode REDUCE of builtins': text(
            'builtins', 'exec', code, 'R'),
    }


NAMES = list(gadgets(Path('/x/canary')))


def as_legacy(data: bytes) -> bytes:
    """torch's format before 1.6: the magic number, then pickles one after the other."""
    start = b''.join(pickle.dumps(part, 2) for part in (0x1950a86a20f9469cfc6c, 1001, dict(
        protocol_version=1001, little_endian=True, type_sizes=dict(short=2, int=4, long=4))))
    return start + data + pickle.dumps([], 2)


def as_zip(data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, 'w') as archive:
        archive.writestr('archive/data.pkl', data)
        archive.writestr('archive/version', '3\n')
        archive.writestr('archive/byteorder', 'little')
    return stream.getvalue()


def as_tar(data: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode='w') as archive:
        for name in ('storages', 'tensors', 'pickle'):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


FORMS = dict(zip=as_zip, legacy=as_legacy, plain=bytes, tar=as_tar)


@pytest.mark.parametrize('name', NAMES)
def test_a_checkpoint_executes_nothing(tmp_path, name):
    canary = tmp_path / 'canary'
    (tmp_path / 'script.py').write_text(f'open({str(canary)!r}, "w").close()')
    inner = pickle.dumps(Calls(open, str(canary), 'w'))
    (tmp_path / 'inner.pth').write_bytes(as_legacy(inner))
    np.save(tmp_path / 'inner.npy', np.array([Calls(open, str(canary), 'w')], object), allow_pickle=True)

    gadget = gadgets(canary)[name]
    data = gadget if isinstance(gadget, bytes) else pickle.dumps(gadget, 2)
    pickle.loads(data)
    assert canary.exists(), 'the gadget does nothing'
    canary.unlink()
    for form, wrap in FORMS.items():
        for content in (data, data if isinstance(gadget, bytes) else pickle.dumps(dict(state_dict=gadget), 2)):
            path = tmp_path / f'{form}.pth'
            path.write_bytes(wrap(content))
            with pytest.raises(InputError, match=path.name):
                weights.load(path)
            assert not canary.exists(), form


def test_what_is_wrapped_can_be_read_when_it_is_harmless(tmp_path):
    """So the refusals above are not of the wrapping."""
    for form in ('zip', 'legacy'):
        (tmp_path / f'{form}.pth').write_bytes(FORMS[form](pickle.dumps(dict(epoch=3), 2)))
        assert weights.load(tmp_path / f'{form}.pth') == dict(epoch=3)


@pytest.fixture(scope='module')
def good(tmp_path_factory) -> dict[str, bytes]:
    """The same small state dict in the two formats."""
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp('weights')
    tensors = {f'layer{i}.weight': torch.arange(24.).reshape(2, 3, 4) + i for i in range(4)}
    tensors['steps'] = torch.tensor([7])
    save_file(tensors, folder / 'x.safetensors')
    torch.save(tensors, folder / 'x.pth')
    return {suffix: (folder / f'x{suffix}').read_bytes() for suffix in ('.safetensors', '.pth')}


@pytest.mark.parametrize('suffix', ['.safetensors', '.pth'])
def test_a_mutated_file_is_tensors_or_an_error(tmp_path, good, suffix):
    """Neither format has a checksum that is looked at: an edit of the numbers alone is another valid file. What must
    not happen is anything but a dictionary of tensors, or an InputError."""
    refused, count = 0, 1000 if FULL else 200
    for seed in range(count):
        path = tmp_path / f'x{suffix}'
        path.write_bytes(edited(good[suffix], random_edits(Random(seed))))
        try:
            found = weights.load(path)
        except InputError as error:
            refused += 1
            assert str(path) in str(error)
        else:
            assert isinstance(found, dict) and all(isinstance(value, torch.Tensor) for value in found.values())
    print(f'{suffix}: {refused} of {count} refused')
    assert refused > count / 2


HEADERS = {
    'empty': b'', 'short': b'\x08', 'a header of 2^64 - 1': b'\xff' * 8,
    'a header that is not there': b'\0\0\0\1' + b'\0' * 4, 'no JSON': b'\x04' + bytes(7) + b'{{{{',
    'a list': b'\x02' + bytes(7) + b'[]',
    **{name: len(header).to_bytes(8, 'little') + header + bytes(16) for name, header in {
        'beyond the end': b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}',
        'negative': b'{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}',
        'backwards': b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}',
        'a gap': b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}',
        'overlap': b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},'
                   b'"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}',
        'a shape that overflows': b'{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,16]}}',
        'unknown dtype': b'{"a":{"dtype":"F31","shape":[4],"data_offsets":[0,16]}}',
        'a name twice': b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
                        b'"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}',
        'nothing': b'', 'a number as metadata': b'{"__metadata__":{"a":1}}'}.items()},
}


@pytest.mark.parametrize('name', HEADERS)
def test_a_wrong_safetensors_header_is_an_error(tmp_path, name):
    (tmp_path / 'x.safetensors').write_bytes(HEADERS[name])
    with pytest.raises(InputError, match=r'x\.safetensors'):
        weights.load(tmp_path / 'x.safetensors')
