"""The raw datasets of tests/raw_data.py."""
from __future__ import annotations

from pathlib import Path

import pytest

from tests import raw_data


@pytest.fixture
def dogs(tmp_path: Path) -> Path:
    return raw_data.dogs(tmp_path)


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    return raw_data.birds(tmp_path)
