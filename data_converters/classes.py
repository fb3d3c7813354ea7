"""Classes by their names: ``n02085620-Chihuahua``, ``001.Black_footed_Albatross``, ``Amanita muscaria``."""
from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data_converters.records import Row
from pipelines.core import names
from pipelines.core.errors import InputError

ONE_LABEL = 'cut such images into one for each class, or take them out'
_WNID = re.compile(r'(n\d{8})-(.+)')
_NUMBER = re.compile(r'\d{2,4}\.(.+)')


def categories(folders: Sequence[str], species: str) -> list[Row]:
    """Categories by their folders or labels; a WordNet id or a number in front of all is no part of them."""
    for pattern in (_WNID, _NUMBER):
        found = [match for folder in folders if (match := pattern.fullmatch(folder))]
        if folders and len(found) == len(folders):
            short = [match[match.re.groups] for match in found]
            if len(set(map(_key, short))) == len(short):
                wnids = [match[1] for match in found]
                return [dict(name=name, supercategory=species, **(dict(wnid=wnid) if pattern is _WNID else {}))
                        for name, wnid in zip(short, wnids)]
    return [dict(name=folder, supercategory=species) for folder in folders]


def labelled(given: Sequence[str], where: str, species: str) -> tuple[list[Row], NDArray[np.int64]]:
    """Categories, in order of their names, and (N,) labels, by each image's class.

    Raises:
        InputError: names that no folder can have, or that differ in case alone.
    """
    known = sorted(set(given))
    check(known, where)
    number = {name: i for i, name in enumerate(known)}
    return categories(known, species), np.array([number[name] for name in given], int)


def folder_name(name: str) -> str:
    """A name of an official class (``F/A-18``) as a folder can have it."""
    return name.strip().replace('/', '-').replace('\\', '-')


def _key(name: str) -> str:
    return unicodedata.normalize('NFC', name.casefold())


def check(found: Sequence[str], where: str) -> None:
    """Synthetic images lie in a folder named after their class, on any file system.

    Raises:
        InputError: a name that no folder can have, or two that are one folder on some system.
    """
    seen: dict[str, str] = {}
    for name in found:
        if (why := names.fault(name)) or '/' in name or name != name.strip():
            raise InputError(where, expected='class names that a folder can have', remedy='give the class another name',
                             found=f'{name!r:.80} ({why or "a slash, or blanks around it"})')
        if (first := seen.setdefault(_key(name), name)) != name:
            raise InputError(where, expected='class names that differ in more than case',
                             found=f'{first!r} and {name!r}', remedy='give both one name, or other names')
