"""The server with a real chain: its answers are predict's, in a real browser, under load, and until its end."""
from __future__ import annotations

import base64
import json
import signal
import time
from pathlib import Path

import pytest

from pipelines.core import answers, bundle, images, predictions
from tests.chain_work import ROW
from tests.serving.browser import CHROMIUM, Browser
from tools.bench import serving


@pytest.fixture(scope='module')
def chain(chain_work: Path) -> bundle.Bundle:
    return bundle.make(chain_work, ROW)


@pytest.fixture(scope='module')
def photographs(chain_work: Path) -> list[Path]:
    return sorted((chain_work / 'convert/images').glob('*/*.jpg'))[:3]


@pytest.fixture(scope='module')
def server(chain):
    process, port = serving.started(chain.folder, '--target', '0', '--conf', '0')
    yield process, port
    process.kill()
    process.wait()


@pytest.mark.mm
def test_answers_are_those_of_predict(chain, photographs, server):
    from pipelines.openmm.chain import files

    rules = answers.Rules.of(chain, 0.)
    job = files.Job(chain.folder, 0., None, rules, 5)
    for path in photographs:
        record, = files.predict([('photograph', str(path))], job)
        status, body, _ = serving.ask(server[1], path.read_bytes())
        expected = predictions.head(chain, 0., rules.below['class']) | dict(
            images=[predictions.as_megadetector(record)])
        assert status == 200 and json.loads(body) == json.loads(json.dumps(expected))
        assert len(json.loads(body)['images'][0]['detections']) == 2
    status, body, _ = serving.ask(server[1], photographs[0].read_bytes(), '/predict?pictures=yes')
    for one in json.loads(body)['images'][0]['detections']:
        for name in ('crop', 'map'):
            head, _, data = one[name].partition(',')
            assert head == 'data:image/jpeg;base64'
            shape = images.parse(base64.b64decode(data), name).pixels.shape
            assert shape == (64, 64, 3) if name == 'map' else max(shape) <= 320


@pytest.mark.mm
@pytest.mark.skipif(CHROMIUM is None, reason='there is no Chromium')
def test_the_page_in_a_browser(photographs, server, tmp_path):
    (tmp_path / 'bad.jpg').write_text('<script>document.title = "run"</script>')
    with Browser(tmp_path / 'profile') as page:
        page.open(f'http://127.0.0.1:{server[1]}/')
        page.choose('#file', photographs[0])
        page.until('document.querySelectorAll(".animal").length === 2')
        assert page.value('document.getElementById("said").textContent') == '2 animals.'
        assert page.value('document.querySelectorAll("#boxes rect").length') == 2
        assert page.value('[...document.images].every(one => one.complete && one.naturalWidth > 0)')
        assert page.value('document.querySelector(".scores").childElementCount') == 9  # 3 classes
        assert page.complaints() == []  # the policy has refused nothing that the page needs
        assert page.value('fetch("https://example.org").then(() => "sent", () => "refused")') == 'refused'
        page.value('show({images: [{detections: [{bbox: [0, 0, 1, 1], classifications: [["1", 1]], '
                   'answer: {level: "class", name: "<img src=x onerror=document.title=1>", confidence: 1}}]}], '
                   'classification_categories: {1: "<b>bold</b>"}})')
        assert page.value('document.querySelectorAll("h2 img, .scores b").length') == 0
        page.choose('#file', tmp_path / 'bad.jpg')
        page.until('document.getElementById("said").className === "error"')
        assert page.value('document.querySelectorAll(".animal").length') == 0
        assert page.value('document.title') == 'What is on this photograph?'


@pytest.mark.mm
def test_told_to_end_it_ends_and_lets_nobody_wait(photographs, server):
    process, port = server
    assert serving.ask(port, photographs[0].read_bytes())[0] == 200
    process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    assert process.wait(30) == 0 and time.monotonic() - begun < 5
    with pytest.raises(OSError):
        serving.ask(port, b'x')


@pytest.mark.mm
def test_under_load_there_are_answers_or_503(chain, photographs):
    load = serving.measure(chain.folder, [path.read_bytes() for path in photographs], 60, 12,
                           ['--conf', '0'])
    assert load.statuses.total() == 60 and set(load.statuses) <= {200, 503} and not load.failed
    assert load.statuses[200] >= 5 and len(load.seconds) == load.statuses[200]
    assert len(load.memory_mb) == 2 and load.ended < 5
