"""The planted cases of tools.bench.gate: what is drawn, counted and resumed."""
from __future__ import annotations

import json

from tools.bench import gate


def rows(**verdicts: str) -> list[dict]:
    return [dict(repeat=number, case=case, verdict=word) for case, words in verdicts.items()
            for number, word in enumerate(words.split())]


def test_verdicts_are_counted_and_compared_with_what_is_asked():
    text, held = gate.summary(rows(
        new='use ' * 17 + 'undecided ' * 3, copies='copying ' * 20, itself='undecided ' * 20))
    assert held and '| new | 20 | use 17, undecided 3 | use 16 times at least |' in text
    assert '| itself | 20 | undecided 20 | use 1 times at most |' in text and 'wrong' not in text
    for wrong in (rows(new='use ' * 15 + 'undecided ' * 5), rows(copies='copying ' * 18 + 'use use'), rows(wrong='use'),
                  rows(itself='use use ' + 'undecided ' * 18)):
        assert not gate.summary(wrong)[1]
    assert gate.summary(rows(new='use', wrong='collapsed', itself='undecided'))[1]  # fewer repeats, in proportion


def test_a_cut_run_goes_on(tmp_path):
    path = tmp_path / 'results.jsonl'
    assert gate.done(path) == {}
    path.write_text(''.join(json.dumps(row) + '\n' for row in rows(new='use undecided')))
    assert gate.done(path)[1, 'new']['verdict'] == 'undecided'


def test_copies_are_near_their_originals_and_none_is_one():
    import torch

    from pipelines.openmm.synth.figures import Pixels
    pixels = torch.full((4, 3, 16, 16), 100, dtype=torch.uint8)
    pixels[..., 8:] = 180
    found = gate.jittered(Pixels(pixels, torch.arange(4)), 0)
    assert found.labels.tolist() == [0, 1, 2, 3] and found.pixels.shape == pixels.shape
    sides = found.pixels.float().mean(dim=(1, 2))[:, [1, 14]]
    assert ((sides.amin(1) - 100).abs() < 15).all() and ((sides.amax(1) - 180).abs() < 23).all()
    assert {bool(one) for one in sides[:, 0] > sides[:, 1]} == {True, False}  # some are mirrored
    assert not any(torch.equal(one, pixels[0]) for one in found.pixels)
