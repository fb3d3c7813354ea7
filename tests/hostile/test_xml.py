"""Annotation XML of Stanford Dogs from strangers."""
from __future__ import annotations

import socket
import time

import numpy as np
import pytest

from data_converters.stanford_dogs import _read_xml
from pipelines.core.errors import DamagedError

BOX = dict(xmin=10, ymin=20, xmax=39, ymax=59)
SIZE = dict(width=100, height=80)


def element(tag: str, fields: dict) -> str:
    return f'<{tag}>' + ''.join(f'<{key}>{value}</{key}>' for key, value in fields.items()) + f'</{tag}>'


def xml(size: dict = SIZE, box: dict = BOX, *, start: str = '', rest: str = '') -> str:
    return (f'{start}<annotation><folder>%s</folder>{element("size", size)}'
            f'<object><name>x</name>{element("bndbox", box)}</object>{rest}</annotation>')


GOOD = xml()
FIELDS = {**dict.fromkeys(SIZE, 'size'), **dict.fromkeys(BOX, 'bndbox')}
NUMBER = {field: 'one whole number' if field in SIZE else 'one number' for field in FIELDS}
VALUES = ['', 'x', 'nan', 'inf', '1e400', '10.5', '1_0', '0x10', '9' * 7, '9' * 5000, '٣', '1 0']
LAUGHS = ''.join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
SECRET = 'the secret of the house'

NO_DTD, MALFORMED, ENCODING = 'XML without DTD and entities', 'well-formed XML', 'XML in an encoding that can be read'
DOCUMENTS = {  # document, what is expected instead
    'billion laughs': (xml(start=f'<!DOCTYPE a [<!ENTITY a0 "ha">{LAUGHS}]>', rest='&a9;'), NO_DTD),
    'billion laughs in UTF-16': (xml(start=f'<!DOCTYPE a [<!ENTITY a0 "ha">{LAUGHS}]>', rest='&a9;').encode('utf-16'),
                                 NO_DTD),
    'quadratic blow-up': (xml(start=f'<!DOCTYPE a [<!ENTITY a "{"x" * 100_000}">]>', rest='&a;' * 10_000), NO_DTD),
    'one entity': (xml(start='<!DOCTYPE a [<!ENTITY w "100">]>', size=dict(SIZE, width='&w;')), NO_DTD),
    'parameter entity': (xml(start='<!DOCTYPE a [<!ENTITY % p "<!ENTITY q \'1\'>"> %p;]>'), NO_DTD),
    'external file': (xml(start='<!DOCTYPE a [<!ENTITY f SYSTEM "file://{secret}">]>', rest='&f;'), NO_DTD),
    'external address': (xml(start='<!DOCTYPE a [<!ENTITY f SYSTEM "http://127.0.0.1:9/x">]>', rest='&f;'), NO_DTD),
    'external DTD': (xml(start='<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd">'), NO_DTD),
    'public DTD': (xml(start='<!DOCTYPE a PUBLIC "-//X" "file://{secret}">'), NO_DTD),
    'empty DTD': (xml(start='<!DOCTYPE annotation>'), NO_DTD),
    'XInclude is not followed': (xml(box={}, rest='<i:include xmlns:i="http://www.w3.org/2001/XInclude" parse="text" '
                                     'href="file://{secret}"/>'), 'one number'),
    'unknown entity': (xml(rest='&nbsp;'), MALFORMED),
    'empty': ('', MALFORMED),
    'blank': (' \n ', MALFORMED),
    'no XML': ('{"annotation": {}}', MALFORMED),
    'cut': (GOOD[:150], MALFORMED),
    'two roots': (GOOD + GOOD, MALFORMED),
    'a NUL': (GOOD.replace('100', '1\x0000'), MALFORMED),
    'unclosed': (GOOD.replace('</size>', ''), MALFORMED),
    'duplicate attribute': (xml(rest='<a b="1" b="2"/>'), MALFORMED),
    'UTF-16 that says UTF-8': (xml(start='<?xml version="1.0" encoding="utf-8"?>').encode('utf-16-le'), MALFORMED),
    'UTF-8 that says UTF-16': (xml(start='<?xml version="1.0" encoding="utf-16"?>'), MALFORMED),
    'Latin-1 without saying so': (xml(rest='<a>\xe9</a>').encode('latin-1'), MALFORMED),
    'an encoding nobody knows': (xml(start='<?xml version="1.0" encoding="klingon"?>'), ''),
    'an encoding of bytes': (xml(start='<?xml version="1.0" encoding="zip"?>'), ''),
    'an encoding of several bytes': (xml(start='<?xml version="1.0" encoding="shift_jis"?>', rest='\x83\x5c'), ''),
    'over 256 KiB': (xml(rest='<a/>' * 70_000), 'XML of at most'),
    'deep': (xml(rest='<a>' * 80_000), MALFORMED),
    'no object': (f'<annotation>{element("size", SIZE)}</annotation>', 'at least one object'),
    'no size': (f'<annotation><object>{element("bndbox", BOX)}</object></annotation>', 'it once, found 0 times'),
    'two sizes': (xml(rest=element('size', SIZE)), 'it once, found 2 times'),
    'an object without a box': (xml(rest='<object/>'), 'it once, found 0 times'),
    'an object with two boxes': (xml(rest=f'<object>{element("bndbox", BOX) * 2}</object>'), 'it once, found 2 times'),
    'a field twice': (xml(box=BOX).replace('</bndbox>', '<xmin>11</xmin></bndbox>'), 'one number'),
    'xmax < xmin': (xml(box=dict(BOX, xmax=9)), 'xmax from xmin on'),
    'ymax < ymin': (xml(box=dict(BOX, ymax=19)), 'ymax from ymin on'),
    'no width': (xml(size=dict(SIZE, width=0)), 'pixels'),
    'negative height': (xml(size=dict(SIZE, height=-80)), 'pixels'),
}
DOCUMENTS |= {f'{field}: {value[:9]!r}': (xml(*(({**fields, field: value}) if field in fields else fields
                                               for fields in (SIZE, BOX))), NUMBER[field])
              for field in FIELDS for value in VALUES if field in SIZE or value != '10.5'}
DOCUMENTS |= {f'no {field}': (GOOD.replace(f'<{field}>', '<other>').replace(f'</{field}>', '</other>'),
                              NUMBER[field]) for field in FIELDS}


@pytest.fixture
def no_network(monkeypatch):
    def connect(*args):
        raise AssertionError('something was fetched')

    for name in ('connect', 'connect_ex'):
        monkeypatch.setattr(socket.socket, name, connect)


@pytest.mark.parametrize('name', DOCUMENTS)
def test_it_is_refused_at_once_and_nothing_is_fetched(tmp_path, no_network, name):
    document, expected = DOCUMENTS[name]
    (tmp_path / 'secret').write_text(SECRET)
    if isinstance(document, str):
        document = document.replace('{secret}', str(tmp_path / 'secret')).encode()
    path = tmp_path / 'n01_1'
    path.write_bytes(document)
    start = time.process_time()  # of this process, whatever else the machine does
    with pytest.raises(DamagedError) as raised:
        _read_xml(path)
    assert time.process_time() - start < 1
    message = str(raised.value)
    assert str(path) in message and expected in message and SECRET not in message
    field = name.partition(':')[0].removeprefix('no ')
    assert field not in FIELDS or expected == 'pixels' or f'{FIELDS[field]} {field}: expected' in message


@pytest.mark.parametrize('document', [
    GOOD, xml(box=dict(BOX, xmin=' 10 ', xmax='39.0')), xml(start='<?xml version="1.0"?><!-- %s -->'),
    xml(box=dict(BOX, xmin='<![CDATA[10]]>')), xml(start='\ufeff'),
    xml(start='<?xml version="1.0" encoding="utf-16"?>').encode('utf-16'),
    xml(start='<?xml version="1.0" encoding="iso-8859-1"?>', rest='<a>\xe9</a>').encode('latin-1'),
    xml(rest='<a>' * 10_000 + '</a>' * 10_000),
], ids=['plain', 'blanks and .0', 'comment', 'CDATA', 'byte order mark', 'UTF-16', 'Latin-1', 'deep'])
def test_what_is_only_odd_is_read(tmp_path, document):
    (tmp_path / 'n01_1').write_bytes(document.encode() if isinstance(document, str) else document)
    xyxy, size = _read_xml(tmp_path / 'n01_1')
    assert size == (100, 80) and (xyxy == np.array([[10, 20, 40, 60]])).all()


def test_a_box_that_leaves_the_image_is_kept_as_annotated(tmp_path):
    """It is convert that cuts and counts it."""
    (tmp_path / 'n01_1').write_text(xml(box=dict(BOX, xmin=-5, xmax=120)))
    assert _read_xml(tmp_path / 'n01_1')[0].tolist() == [[-5, 20, 121, 60]]


def test_fractions_are_edges_and_whole_numbers_inclusive_pixels(tmp_path):
    """Tools that write fractions (CVAT, VoTT) mean the edges of a box, not its last pixel."""
    (tmp_path / 'n01_1').write_text(xml(box=dict(xmin='10.25', ymin='20.0', xmax='39.75', ymax='60')))
    assert _read_xml(tmp_path / 'n01_1')[0].tolist() == [[10.25, 20, 39.75, 60]]
