from __future__ import annotations

import json
from pathlib import Path

from data_converters import convert
from pipelines import report
from pipelines.core.manifest import NAME
from tests import fake_work
from tests.reporting.html_page import Page


def _facts(root: Path) -> list[list[str]]:
    report.report(root, root / 'report')
    return Page((root / 'report/index.html').read_text(encoding='utf-8')).tables['facts'][1:]


def _edit(folder: Path, **made) -> None:
    content = json.loads((folder / NAME).read_text())
    content['made'][-1:] = [content['made'][-1], dict(content['made'][-1], **made)]
    (folder / NAME).write_text(json.dumps(content))


def test_machine_and_code_are_what_the_manifests_say(tmp_path):
    root = tmp_path / 'toy-dogs'
    fake_work.classify(root)
    fake_work.detect(root)
    _edit(root / 'models/classify/box-seed1', device='H100', threads=8)
    assert _facts(root) == [
        ['device', 'CPU', 'detect, classify, models/classify/ (14 of 15), models/detect/x'],
        ['', 'CPU, then H100', 'models/classify/box-seed1'],
        ['threads', '1', 'detect, classify, models/classify/ (14 of 15), models/detect/x'],
        ['', '1, then 8', 'models/classify/box-seed1'],
        ['code', 'abababababab: has changed since', 'all']]


def test_code_that_has_changed_is_said_and_makes_the_page_again(toy_dogs_raw, tmp_path, capsys):
    root = tmp_path / 'toy-dogs'
    convert.main(['--dataset', 'toy-dogs', '--raw', str(toy_dogs_raw), '--out', str(root / 'convert')])
    (value, _), = [row[1:] for row in _facts(root) if row[0] == 'code']
    assert value.endswith(': as it is now')
    assert not report.report(root, root / 'report')
    _edit(root / 'convert', code='0' * 64)
    (value, who), = [row[1:] for row in _facts(root) if row[0] == 'code']
    assert (value, who) == ('000000000000: has changed since', 'all')
    assert json.loads((root / 'report' / NAME).read_text())['parameters'] == dict(other_code=['convert'])
