"""What the toy animals are drawn with: polygons in the animal's own frame, a rasteriser, and background scenery."""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

SUPERSAMPLING = 3
Colour = tuple[int, int, int]
Points = NDArray[np.float64]  # (N, 2)


@dataclass(frozen=True)
class Part:
    """One polygon, painted over the earlier ones.

    Args:
        points: (N, 2) x to the right, y down; the animal looks right, its body is about 1 long.
        colour: RGB.
        coat: later markings may be painted on it.
        marking: painted only on the coat painted so far.
    """
    points: NDArray[np.float64]
    colour: Colour
    coat: bool = True
    marking: bool = False


def ellipse(x: float, y: float, rx: float, ry: float, degrees: float = 0) -> NDArray[np.float64]:
    """(28, 2) outline of an ellipse, turned clockwise."""
    t = np.linspace(0, 2 * math.pi, 28, endpoint=False)
    return turn(np.stack([rx * np.cos(t), ry * np.sin(t)], axis=1), degrees) + (x, y)


def limb(path: list[tuple[float, float]], widths: list[float]) -> NDArray[np.float64]:
    """(2N + 6, 2) outline of a band along a path of N points, with its width at each of them and a round end."""
    points, half = np.asarray(path, float), np.asarray(widths, float)[:, None] / 2
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    angles = np.linspace(90, -90, 8)[1:-1]
    end = np.concatenate([points[-1] + turn(along[-1:] * half[-1], a) for a in angles])
    return np.concatenate([points + across * half, end, (points - across * half)[::-1]])


def turn(points: NDArray[np.float64], degrees: float, about: tuple[float, float] = (0, 0)) -> NDArray[np.float64]:
    """Turn (N, 2) points clockwise about a point."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned: Points = (points - about) @ np.array([[c, s], [-s, c]]) + about
    return turned


def shade(colour: Colour, factor: float) -> Colour:
    """Darker (factor below 1) or lighter."""
    red, green, blue = (int(min(max(channel * factor, 0), 255)) for channel in colour)
    return red, green, blue


def place(parts: list[Part], rng: np.random.Generator, degrees: float) -> list[Part]:
    """Turn an animal a little and let it look either way."""
    mirror = (rng.choice([-1, 1]), 1)
    angle = rng.uniform(-degrees, degrees)
    return [Part(turn(part.points, angle) * mirror, part.colour, part.coat, part.marking) for part in parts]


def rasterise(parts: list[Part], scale: float, rng: np.random.Generator) -> tuple[Image.Image, Image.Image]:
    """Paint an animal, lit from above, with a little fur.

    Args:
        scale: pixels per unit of the animal's frame.
    Returns:
        RGB picture and L mask of the same size, tightly around the animal.
    """
    points = np.concatenate([part.points for part in parts if not part.marking])
    low, high = points.min(axis=0), points.max(axis=0)
    width, height = (math.ceil(v) + 2 for v in (high - low) * scale)
    size = (width * SUPERSAMPLING, height * SUPERSAMPLING)
    picture = Image.new('RGB', size, parts[0].colour)
    mask, coat = Image.new('L', size), Image.new('L', size)
    for part in parts:
        stencil = Image.new('L', size)
        corners = ((part.points - low) * scale + 1) * SUPERSAMPLING
        ImageDraw.Draw(stencil).polygon([tuple(corner) for corner in corners.tolist()], fill=255)
        if part.marking:
            stencil = ImageChops.multiply(stencil, coat)
        else:
            mask = ImageChops.lighter(mask, stencil)
            coat = ImageChops.lighter(coat, stencil) if part.coat else ImageChops.subtract(coat, stencil)
        picture.paste(part.colour, (0, 0), stencil)
    light = np.linspace(1.12, 0.78, height)[:, None] + rng.normal(0, 0.035, (height, width))
    pixels = np.asarray(picture.reduce(SUPERSAMPLING)) * light[..., None]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), mask.reduce(SUPERSAMPLING)


def noise(rng: np.random.Generator, width: int, height: int) -> NDArray[np.float32]:
    """(height, width) multi-scale noise around 0: coarse blotches down to single pixels."""
    out = np.zeros((height, width), np.float32)
    for cells, weight in ((4, 0.45), (12, 0.3), (36, 0.25), (96, 0.2)):
        small = rng.normal(0, weight, (max(cells * height // width, 2), cells)).astype(np.float32)
        out += np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))
    return out


_GROUNDS = ((104, 132, 66), (150, 128, 84), (196, 178, 132), (112, 112, 116), (128, 92, 66), (206, 210, 214))
_SKIES = ((150, 186, 220), (206, 214, 220), (228, 196, 160), (96, 120, 104), (172, 150, 128), (120, 132, 160))


def scenery(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """A textured ground and back wall or sky, with things lying about that are no animals."""
    ground, sky = (np.array(c[rng.integers(len(c))], np.float32) + rng.uniform(-18, 18, 3) for c in (_GROUNDS, _SKIES))
    horizon = rng.uniform(0.1, 0.6) * height + noise(rng, width, 2)[0] * 4
    above = np.clip(horizon[None] - np.arange(height)[:, None] + 0.5, 0, 1)[..., None].astype(np.float32)
    fall = np.linspace(-14, 14, height, dtype=np.float32)[:, None, None]
    texture = noise(rng, width, height)[..., None]
    sky, ground = sky + fall + texture * rng.uniform(8, 30), ground + texture * rng.uniform(25, 60)
    pixels = above * sky + (1 - above) * ground
    picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    for _ in range(rng.integers(1, 5)):
        _clutter(picture, rng, width, height)
    return picture


def _clutter(picture: Image.Image, rng: np.random.Generator, width: int, height: int) -> None:
    """One stone, bush, post, ball or box, in colours that animals have too."""
    x, y = rng.uniform(0, width), rng.uniform(0.2, 1.0) * height
    r = rng.uniform(0.02, 0.09) * width
    kind = rng.integers(5)
    red, green, blue = map(int, rng.choice([(92, 78, 62), (140, 132, 120), (70, 96, 48), (184, 150, 104),
                                            (60, 56, 54), (206, 200, 188), (150, 84, 60)]))
    if kind == 0:
        shapes = [limb([(x, y), (x, y - r * 1.5), (x, y - r * 3)], [r * 0.4] * 3)]
    elif kind == 1:
        shapes = [ellipse(x + rng.uniform(-1, 1) * r, y + rng.uniform(-.6, .6) * r, r * .6, r * .5, rng.uniform(0, 180))
                  for _ in range(5)]
    elif kind == 2:
        shapes = [ellipse(x, y, r, r * 0.6, rng.uniform(-20, 20))]
    elif kind == 3:
        shapes = [ellipse(x, y, r * 0.5, r * 0.5)]
    else:
        shapes = [turn(np.array([(x - r, y - r * .6), (x + r, y - r * .6), (x + r, y + r * .6), (x - r, y + r * .6)]),
                       rng.uniform(-30, 30), (x, y))]
    parts = [Part(shape, shade((red, green, blue), rng.uniform(0.85, 1.1))) for shape in shapes]
    thing, mask = rasterise(parts, 1.0, rng)
    low = np.concatenate(shapes).min(axis=0)
    picture.paste(thing, (int(low[0]), int(low[1])), mask)
