"""Toy dogs and birds: kinds that differ in details only; pose and colours are drawn at random, whatever the kind."""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data_converters.toy_drawing import Colour, Part, Points, ellipse, limb, place, shade, turn


@dataclass(frozen=True)
class Dog:
    """A breed. ``legs`` is their length, as a share of the body's."""
    name: str
    ears: str
    coat: str
    tail: str
    legs: float


@dataclass(frozen=True)
class Bird:
    """A species. ``bars`` is how many bars cross the wing."""
    name: str
    beak: str
    crest: str
    bars: int
    tail: str


DOGS = (
    Dog('Amber_spitz', 'pointed', 'plain', 'curled', 0.42),
    Dog('Bramble_hound', 'hanging', 'saddle', 'sabre', 0.42),
    Dog('Cobble_corgi', 'pointed', 'saddle', 'stub', 0.24),
    Dog('Dapple_hound', 'hanging', 'spots', 'sabre', 0.42),
    Dog('Ember_spaniel', 'hanging', 'patches', 'brush', 0.33),
    Dog('Frost_spitz', 'pointed', 'bib', 'curled', 0.42),
    Dog('Garnet_lurcher', 'round', 'stripes', 'sabre', 0.48),
    Dog('Hazel_basset', 'hanging', 'plain', 'sabre', 0.24),
)

BIRDS = (
    Bird('Barred_finch', 'cone', 'none', 2, 'short'),
    Bird('Crested_tit', 'needle', 'peak', 0, 'short'),
    Bird('Dagger_rail', 'dagger', 'none', 0, 'short'),
    Bird('Fan_hoopoe', 'dagger', 'fan', 2, 'short'),
    Bird('Forked_swallow', 'needle', 'none', 1, 'forked'),
    Bird('Painted_jay', 'cone', 'peak', 1, 'long'),
    Bird('Plain_warbler', 'needle', 'none', 0, 'short'),
    Bird('Widow_finch', 'cone', 'none', 0, 'long'),
)

Raise = Callable[[Points], Points]  # points of a trunk that lies -> of one as the dog holds it
_COATS = ((214, 176, 120), (176, 112, 62), (232, 222, 204), (120, 84, 58), (150, 146, 144), (196, 146, 84))
_PLUMAGES = ((176, 92, 66), (92, 122, 164), (198, 166, 84), (122, 132, 92), (142, 136, 132), (116, 88, 74))
_DARK, _LIGHT = (44, 36, 34), (244, 240, 230)


def _colours(rng: np.random.Generator, palette: tuple[Colour, ...]) -> tuple[Colour, Colour]:
    """A base colour and one for markings, dark or light, whichever stands out."""
    red, green, blue = (int(c) for c in np.array(palette[rng.integers(len(palette))]) + rng.uniform(-16, 16))
    base = red, green, blue
    return shade(base, 1.0), _DARK if sum(base) > 390 or (sum(base) > 300 and rng.random() < 0.5) else _LIGHT


def draw_dog(breed: Dog, rng: np.random.Generator) -> list[Part]:
    """A dog that stands, walks, sniffs or sits."""
    base, marking = _colours(rng, _COATS)
    pose = ('stand', 'walk', 'sniff', 'sit')[rng.integers(4)]
    leg, stout = breed.legs * rng.uniform(0.94, 1.06), rng.uniform(0.94, 1.1)
    back = -leg - 0.16
    lean = -38.0 if pose == 'sit' else rng.uniform(-4, 4)

    def body(points: Points) -> Points:
        """Raise the trunk about the hips when the dog sits."""
        return turn(points + (0, leg * 0.5 if pose == 'sit' else 0), lean, (-0.38, back + 0.1))

    far, parts = shade(base, 0.72), []
    swing = rng.uniform(16, 26) if pose == 'walk' else rng.uniform(-4, 4)
    shoulder, hip = body(np.array([[0.36, back + 0.04]]))[0], body(np.array([[-0.36, back + 0.05]]))[0]

    def leg_at(x: float, top: float, angle: float, colour: Colour) -> list[Part]:
        points = limb([(x, top), (x + 0.015, top / 2), (x, -0.03)], [0.17, 0.1, 0.09])
        paw = ellipse(x + 0.035, -0.03, 0.075, 0.04)
        return [Part(turn(shape, angle, (x, top)), colour) for shape in (points, paw)]

    def hind(dx: float, angle: float, colour: Colour) -> list[Part]:
        if pose == 'sit':
            return [Part(ellipse(hip[0] + dx + 0.06, -0.17, 0.22, 0.17, -20), colour),
                    Part(ellipse(hip[0] + dx + 0.24, -0.04, 0.13, 0.045), colour)]
        return leg_at(hip[0] + dx, hip[1], angle, colour)

    parts += _tail(breed.tail, body, back, rng, base)
    parts += hind(0.08, -swing, far) + leg_at(shoulder[0] + 0.06, shoulder[1], swing, far)
    parts += [Part(body(shape), base) for shape in (
        ellipse(0, back, 0.47, 0.185 * stout), ellipse(0.3, back + 0.02, 0.2, 0.225 * stout, 8),
        ellipse(-0.34, back + 0.01, 0.19, 0.2 * stout))]
    parts += hind(-0.02, swing, base) + leg_at(shoulder[0] - 0.04, shoulder[1], -swing, base)
    parts += [Part(body(shape), marking, marking=True) for shape in _coat(breed.coat, back, rng)]
    if breed.coat == 'bib':
        feet = np.array([(-2, -0.1), (2, -0.1), (2, 0.3), (-2, 0.3)])
        parts.append(Part(feet, marking, marking=True))
    return place(parts + _dog_head(breed, pose, body, back, rng, base, marking), rng, 7)


def _dog_head(breed: Dog, pose: str, body: Raise, back: float, rng: np.random.Generator, base: Colour,
              marking: Colour) -> list[Part]:
    neck = body(np.array([[0.36, back - 0.06]]))[0]
    rise = math.radians({'sniff': rng.uniform(25, 45), 'sit': -62}.get(pose, rng.uniform(-62, -38)))
    head = neck + np.array([math.cos(rise), math.sin(rise)]) * 0.38
    x, y = head
    tilt = rng.uniform(20, 45) if pose == 'sniff' else rng.uniform(-12, 16)
    bib = [ellipse(neck[0] + 0.08, neck[1] + 0.1, 0.13, 0.2, 20)] if breed.coat == 'bib' else []
    skull = [Part(limb([tuple(neck), tuple((neck + head) / 2), (x, y)], [0.3, 0.25, 0.22]), base)]
    skull += [Part(shape, marking, marking=True) for shape in bib]
    skull += [Part(turn(shape, tilt, (x, y)), base) for shape in (
        ellipse(x, y, 0.165, 0.145), limb([(x + 0.08, y + 0.03), (x + 0.18, y + 0.045), (x + 0.28, y + 0.05)],
                                          [0.19, 0.14, 0.11]))]
    details = [(ellipse(x + 0.315, y + 0.02, 0.035, 0.03), (28, 24, 24)), (ellipse(x + 0.07, y - 0.04, 0.026, 0.026),
                                                                          (24, 20, 20))]
    dark = shade(base, 0.7)
    if breed.ears == 'pointed':
        details += [(np.array([(x - 0.15, y - 0.06), (x - 0.11, y - 0.33), (x + 0.03, y - 0.12)]), dark)]
    elif breed.ears == 'hanging':
        details += [(ellipse(x - 0.09, y + 0.1, 0.085, 0.2, 12), dark)]
    else:
        details += [(ellipse(x - 0.08, y - 0.14, 0.085, 0.085), dark)]
    return skull + [Part(turn(shape, tilt, (x, y)), colour, coat=False) for shape, colour in details]


def _tail(kind: str, body: Raise, back: float, rng: np.random.Generator, base: Colour) -> list[Part]:
    x, y, lift = -0.46, back - 0.06, rng.uniform(-12, 12)
    if kind == 'curled':
        t = np.radians(np.linspace(120, -210, 12))
        curl = np.stack([x + 0.02 + 0.13 * np.cos(t), y - 0.13 + 0.13 * np.sin(t)], axis=1)
        path, widths = [(float(px), float(py)) for px, py in curl], [0.1] * 12
    elif kind == 'sabre':
        path, widths = [(x, y), (x - 0.14, y - 0.1), (x - 0.24, y - 0.26), (x - 0.27, y - 0.42)], [.09, .07, .05, .03]
    elif kind == 'brush':
        path, widths = [(x, y), (x - 0.15, y + 0.0), (x - 0.3, y + 0.02), (x - 0.46, y - 0.02)], [0.1, 0.22, 0.26, 0.1]
    else:
        path, widths = [(x + 0.04, y), (x - 0.03, y - 0.05), (x - 0.09, y - 0.1)], [0.11, 0.1, 0.08]
    return [Part(body(turn(limb(path, widths), lift, (x, y))), shade(base, 0.86))]


def _coat(kind: str, back: float, rng: np.random.Generator) -> list[Points]:
    """Outlines of the markings on the trunk; none for a plain coat or a bib."""
    if kind == 'saddle':
        return [ellipse(rng.uniform(-0.1, 0), back - 0.15, 0.4, 0.19)]
    if kind == 'spots':
        return [ellipse(rng.uniform(-0.52, 0.5), back + rng.uniform(-0.2, 0.34), *rng.uniform(0.022, 0.042, 2))
                for _ in range(46)]
    if kind == 'patches':
        return [ellipse(cx + rng.uniform(-.06, .06), back + rng.uniform(-.12, .08), .13, .12, rng.uniform(0, 180))
                for cx in (-0.38, 0.0, 0.34)]
    if kind == 'stripes':
        return [limb([(cx, back - 0.26), (cx + rng.uniform(-.05, .05), back), (cx + .02, back + 0.26)],
                     [.035, .05, .02]) for cx in np.linspace(-0.46, 0.42, 9)]
    return []


def draw_bird(species: Bird, rng: np.random.Generator) -> list[Part]:
    """A bird that perches upright, stands on the ground, or flies."""
    base, marking = _colours(rng, _PLUMAGES)
    flying = rng.random() < 0.25
    tilt = rng.uniform(-8, 8) if flying else rng.uniform(-45, -12)
    parts = [Part(turn(shape, tilt), shade(base, 0.72)) for shape in _bird_tail(species.tail)]
    if flying:
        parts.append(Part(turn(_wing(up=True) + (0.1, 0), tilt), shade(base, 0.6)))
    else:
        leg = rng.uniform(0.24, 0.36)
        for dx in (-0.02, 0.09):
            shape = limb([(dx, 0.1), (dx + 0.01, 0.1 + leg / 2), (dx + 0.03, 0.12 + leg)], [0.04, 0.03, 0.03])
            parts += [Part(shape, (92, 66, 50), coat=False),
                      Part(limb([(dx - 0.02, 0.12 + leg), (dx + 0.04, 0.12 + leg), (dx + 0.1, 0.13 + leg)], [.03] * 3),
                           (92, 66, 50), coat=False)]
    parts += [Part(turn(ellipse(0, 0, 0.42, 0.25), tilt), base),
              Part(turn(ellipse(0.08, 0.1, 0.28, 0.15), tilt), shade(base, 1.3))]
    wing = _wing(up=flying)
    parts.append(Part(turn(wing, tilt), shade(base, 0.8)))
    for i in range(species.bars):
        a, b = (0.0, 0.22) if flying else (-0.04 - 0.17 * i, 0.09 - 0.17 * i)
        bar = (limb([(-0.35, -0.24 - 0.2 * i), (-0.1, -0.22 - 0.2 * i), (0.25, -0.18 - 0.2 * i)], [0.075] * 3) if flying
               else limb([(b, -0.2), ((a + b) / 2, -0.02), (a, 0.2)], [0.07] * 3))
        parts.append(Part(_inside(turn(bar, tilt), turn(wing, tilt)), marking, marking=True))
    x, y = turn(np.array([[0.4, -0.16]]), tilt)[0]
    return place(parts + _bird_head(species, x, y, rng, base), rng, 6)


def _inside(bar: Points, wing: Points) -> Points:
    """Keep a bar's corners within the wing's extent, so that it does not run on over the body."""
    return np.clip(bar, wing.min(axis=0), wing.max(axis=0))


def _wing(*, up: bool) -> Points:
    if up:
        return np.array([(0.22, -0.05), (0.2, -0.3), (0.05, -0.62), (-0.25, -0.74), (-0.3, -0.45), (-0.28, -0.08)])
    return np.concatenate([ellipse(-0.02, -0.03, 0.25, 0.17)[14:], [(0.2, 0.06), (-0.1, 0.15), (-0.52, 0.1)]])


def _bird_tail(kind: str) -> list[Points]:
    if kind == 'long':
        return [limb([(-0.3, 0.02), (-0.65, 0.05), (-1.05, 0.1)], [0.14, 0.12, 0.1])]
    if kind == 'forked':
        return [limb([(-0.3, 0.02), (-0.55, -0.03), (-0.86, -0.17)], [0.14, 0.09, 0.03]),
                limb([(-0.3, 0.02), (-0.55, 0.09), (-0.86, 0.24)], [0.14, 0.09, 0.03])]
    return [limb([(-0.3, 0.02), (-0.45, 0.04), (-0.62, 0.06)], [0.16, 0.18, 0.2])]


def _bird_head(species: Bird, x: float, y: float, rng: np.random.Generator, base: Colour) -> list[Part]:
    nod = rng.uniform(-14, 18)
    shapes = []
    if species.crest == 'peak':
        shapes.append((np.array([(x - 0.02, y - 0.14), (x - 0.27, y - 0.36), (x - 0.16, y - 0.02)]), shade(base, 0.6)))
    elif species.crest == 'fan':
        shapes += [(limb([(x - 0.02, y - 0.05), (x + dx / 2, y - 0.2), (x + dx, y - 0.38)], [0.06, 0.07, 0.06]),
                    shade(base, 0.6)) for dx in (-0.28, -0.15, -0.02, 0.1)]
    beak = {'cone': [(0.11, -0.09), (0.29, 0.02), (0.11, 0.1)], 'needle': [(0.14, -0.025), (0.29, 0.01), (0.14, 0.035)],
            'dagger': [(0.12, -0.05), (0.52, 0.06), (0.12, 0.06)]}[species.beak]
    shapes.append((np.array(beak) + (x, y), (212, 150, 60)))
    shapes += [(ellipse(x, y, 0.175, 0.165), base), (ellipse(x + 0.06, y - 0.04, 0.036, 0.036), _LIGHT),
               (ellipse(x + 0.065, y - 0.04, 0.026, 0.026), (20, 18, 18))]
    return [Part(turn(shape, nod, (x, y)), colour, coat=False) for shape, colour in shapes]
