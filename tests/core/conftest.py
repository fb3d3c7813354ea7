from pathlib import Path

import pytest


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / 'source').mkdir()
    (tmp_path / 'source' / 'a.txt').write_text('one')
    return tmp_path / 'source'
