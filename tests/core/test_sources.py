"""Files, folders, patterns and lists; nothing twice, nothing passed over."""
from __future__ import annotations

import os

import pytest

from pipelines.core import sources
from pipelines.core.errors import InputError


@pytest.fixture
def folder(tmp_path):
    for name in ('b.JPG', 'a.png', 'notes.md', 'x/c.jpeg', 'x/y/d.tif', '.hidden/e.jpg', '._a.png'):
        path = tmp_path / 'photos' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'')
    return tmp_path / 'photos'


def names(*given) -> list[str]:
    return [source.name for source in sources.find(list(map(str, given)))]


def test_a_folder_gives_its_pictures_whatever_their_letters(folder):
    assert names(folder) == ['a.png', 'b.JPG', 'x/c.jpeg', 'x/y/d.tif']


def test_sources_are_joined_and_nothing_is_there_twice(folder):
    assert names(folder / 'x', folder / 'a.png', folder / 'x/c.jpeg') == ['a.png', 'x/c.jpeg', 'x/y/d.tif']
    assert names(folder / 'b.JPG') == ['b.JPG']
    assert names(folder / '*.*g', folder / '**/*.jpeg') == ['a.png', 'x/c.jpeg']
    assert names(folder / 'notes.md') == ['notes.md']  # named: it becomes a record


def test_a_list_is_relative_to_itself_and_keeps_what_is_missing(folder):
    path = folder / 'list.txt'
    path.write_text('# two\nx/c.jpeg\n\ngone.jpg\nx/c.jpeg\n')
    assert names(path) == ['gone.jpg', 'x/c.jpeg']


def test_a_link_to_a_folder_above_ends(folder):
    (folder / 'x/up').symlink_to(folder)
    assert names(folder) == ['a.png', 'b.JPG', 'x/c.jpeg', 'x/y/d.tif']


def test_a_name_that_is_not_utf8_is_shown_as_escapes(folder):
    path = os.fsencode(folder / 'x') + b'/\xff.jpg'
    with open(path, 'wb'):
        pass
    assert names(folder / 'x') == ['\\xff.jpg', 'c.jpeg', 'y/d.tif']


@pytest.mark.parametrize('given', ['gone', '*.bmp', 'empty'])
def test_a_source_without_pictures_is_an_error(folder, given):
    (folder / 'empty').mkdir()
    with pytest.raises(InputError, match=r'remedy: correct the source'):
        names(folder / given)
