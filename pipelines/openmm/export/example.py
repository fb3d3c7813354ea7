"""Find the animals in a photograph and say what they are, with numpy, Pillow and onnxruntime alone.

    pip install numpy pillow onnxruntime
    python example.py photo.jpg

It reads the files beside it: detector.onnx (not where the model sees full images), classifier.onnx, preprocess.json,
labels.json, thresholds.json.
"""
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


class Model:
    """Args:
        folder: with the exported files.
    """

    def __init__(self, folder):
        folder = Path(folder)
        self.preprocess, self.labels, self.thresholds = (
            json.loads((folder / f'{name}.json').read_text(encoding='utf-8'))
            for name in ('preprocess', 'labels', 'thresholds'))
        self.classifier = onnxruntime.InferenceSession(str(folder / 'classifier.onnx'))
        detector = folder / 'detector.onnx'
        self.detector = onnxruntime.InferenceSession(str(detector)) if detector.is_file() else None

    def predict(self, path):
        """Returns:
            for each animal, best first, ``box`` (x1, y1, x2, y2 in pixels), ``score``, ``scores`` (by class) and
            ``answer``: level, name, confidence.
        """
        with Image.open(path) as image:
            pixels = np.asarray(ImageOps.exif_transpose(image).convert('RGB'))
        height, width = pixels.shape[:2]
        found = self.find(pixels) if self.detector else [((0., 0., width, height), None)]
        return [dict(box=box, score=score, scores=scores, answer=self.answer(scores)) for box, score, scores in (
            (box, score, self.classify(self.crop(pixels, box))) for box, score in found)]

    def find(self, pixels):
        """Boxes and scores of the animals in (H, W, 3) RGB, best first."""
        height, width = pixels.shape[:2]
        small = apply(pixels, self.preprocess['detector']['steps'])
        size, step = small.shape[:2], self.preprocess['detector']['multiple_of']
        padded = np.zeros((1, 3, *(-(-side // step) * step for side in size)), np.uint8)
        padded[0, :, :size[0], :size[1]] = small.transpose(2, 0, 1)
        boxes, scores, _ = self.detector.run(None, {'image': padded, 'size': np.array(size, np.int64)})
        boxes = boxes / [size[1] / width, size[0] / height, size[1] / width, size[0] / height]
        boxes = np.round(np.clip(boxes, 0, [width, height, width, height]), 2)
        rows = [(tuple(box.tolist()), float(score)) for box, score in zip(boxes, scores)
                if (box[2:] > box[:2]).all() and round(float(score), 5) >= self.thresholds['detection']]
        return distinct(rows) if self.preprocess['detector']['several_classes'] else rows

    def crop(self, pixels, box):
        """The pixels that the classifier is to see of a box; grey where a square leaves the image."""
        rule = self.preprocess['crop']
        if rule['shape'] == 'full':
            return pixels
        height, width = pixels.shape[:2]
        x1, y1, x2, y2 = area(box, (width, height), rule)
        out = np.full((y2 - y1, x2 - x1, 3), 114, np.uint8)
        inside = pixels[max(y1, 0):min(y2, height), max(x1, 0):min(x2, width)]
        top, left = max(-y1, 0), max(-x1, 0)
        out[top:top + inside.shape[0], left:left + inside.shape[1]] = inside
        longer = max(out.shape)
        if longer <= rule['size']:
            return out
        scale = rule['size'] / longer
        new = [max(round(side * scale), 1) for side in out.shape[:2]]
        return resize(out, *new, 'bilinear' if scale > 0.5 else 'area')

    def classify(self, crop):
        """(C,) calibrated probabilities."""
        image = apply(crop, self.preprocess['classifier']['steps']).transpose(2, 0, 1)[None]
        scores = self.classifier.run(None, {'image': np.ascontiguousarray(image)})[0][0].astype(float)
        if self.thresholds['temperature'] is None:
            return scores
        logits = np.log(np.maximum(scores, 1e-12)) / self.thresholds['temperature']
        powers = np.exp(logits - logits.max())
        return powers / powers.sum()

    def answer(self, scores):
        """The class, else its super-class, else nothing, by the confidences that val asks for."""
        classes, parents = self.labels['classes'], self.labels['super_classes']
        best = int(scores.argmax())
        names = list(dict.fromkeys(parents))
        sums = np.array([scores[[parent == name for parent in parents]].sum() for name in names])
        for level, name, confidence in (('class', classes[best], scores[best]),
                                        ('super-class', names[int(sums.argmax())], sums.max())):
            if level not in self.thresholds['unsure_below']:
                continue
            least = self.thresholds['unsure_below'][level]['value']
            if least is not None and confidence >= least:
                return dict(level=level, name=name, confidence=float(confidence))
        return dict(level='none', name='', confidence=float(scores[best]))


def distinct(rows):
    """One detection for each animal, of a detector that tells classes apart."""
    kept = []
    for box, score in rows:
        if all(overlap(box, other) <= 0.5 for other, _ in kept):
            kept.append((box, score))
    return kept


def overlap(a, b):
    """Intersection over union."""
    both = max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def area(box, size, rule):
    """The whole pixels that a crop covers: the box, grown by its margin, made a square that stays in the image."""
    box, size = np.array(box, float), np.array(size)
    side = box[2:] - box[:2]
    if side.max() < rule['min_size']:
        side = np.minimum(side * rule['min_size'] / side.max(), size)
        start = np.clip((box[:2] + box[2:] - side) / 2, 0, size - side)
        box = np.concatenate([start, start + side])
    pad = side * rule['margin']
    box = np.concatenate([np.clip(box[:2] - pad, 0, size), np.clip(box[2:] + pad, 0, size)])
    if rule['shape'] == 'square':
        side = (box[2:] - box[:2]).max()
        start = (box[:2] + box[2:] - side) / 2
        start = np.where(side <= size, np.clip(start, 0, np.maximum(size - side, 0)), (size - side) / 2)
        box = np.concatenate([start, start + side])
    side = np.maximum(np.rint(box[2:] - box[:2]), 1)
    room = size - side
    start = np.rint((box[:2] + box[2:] - side) / 2)
    start = np.where(room >= 0, np.clip(start, 0, np.maximum(room, 0)), np.floor(room / 2))
    return np.concatenate([start, start + side]).astype(int).tolist()


# --- pixels, as OpenCV computes them ---

def apply(pixels, steps):
    """Resize, pad and cut (H, W, 3) uint8."""
    for step in steps:
        height, width = pixels.shape[:2]
        if step['op'] == 'resize':
            new = fitted((height, width), step['size']) if step['keep_ratio'] else step['size']
            pixels = resize(pixels, *new, step['interpolation'])
        elif step['op'] == 'pad':
            right, below = max(step['size'][1] - width, 0), max(step['size'][0] - height, 0)
            grown = np.empty((height + below, width + right, 3), np.uint8)
            grown[:] = step['value']
            grown[:height, :width] = pixels
            pixels = grown
        elif step['op'] == 'cut':
            top, left = (max(0, round((side - own) / 2)) for side, own in zip((height, width), step['size']))
            pixels = pixels[top:top + step['size'][0], left:left + step['size'][1]]
    return pixels


def fitted(size, most):
    """Height and width of a picture that fits: its longer side into the longer, its shorter into the shorter."""
    scale = min(max(most) / max(size), min(most) / min(size))
    return [int(side * scale + 0.5) for side in size]


def resize(pixels, height, width, interpolation):
    """(H, W, 3) uint8 to another size, without smoothing first, as OpenCV does."""
    if pixels.shape[:2] == (height, width):
        return pixels
    if interpolation == 'bilinear':
        return bilinear(pixels, height, width)
    rows = weights(pixels.shape[0], height, interpolation)
    columns = weights(pixels.shape[1], width, interpolation)
    mixed = np.einsum('ij,jkc->ikc', rows, pixels.astype(np.float32), optimize=True)
    mixed = np.einsum('kj,ijc->ikc', columns, mixed, optimize=True)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def bilinear(pixels, height, width):
    """In whole numbers, rounded where OpenCV rounds: the same bits."""
    def taps(old, new):
        centre = ((np.arange(new) + 0.5) * (old / new) - 0.5).astype(np.float32)
        first = np.floor(centre).astype(int)
        return first, centre - first

    (x, far), (y, below) = taps(pixels.shape[1], width), taps(pixels.shape[0], height)
    far = np.where((x < 0) | (x >= pixels.shape[1] - 1), 0, far).astype(np.float32)
    left, right, top, bottom = (np.clip(first + step, 0, side - 1) for first, side in (
        (x, pixels.shape[1]), (y, pixels.shape[0])) for step in (0, 1))
    far, near, below, above = (np.rint(share * 2048).astype(int)[:, None] for share in (far, 1 - far, below, 1 - below))
    mixed = (pixels[:, left] * near + pixels[:, right] * far) >> 4
    found = (above[..., None] * mixed[top] >> 16) + (below[..., None] * mixed[bottom] >> 16)
    return (found + 2 >> 2).clip(0, 255).astype(np.uint8)


def weights(old, new, interpolation):
    """(new, old) what each pixel of a line gives to each of the resized line."""
    table = np.zeros((new, old), np.float32)
    scale = old / new
    if interpolation == 'area' and scale > 1:
        for row in range(new):
            start, end = row * scale, min((row + 1) * scale, old)
            for pixel in range(int(start), min(int(np.ceil(end)), old)):
                table[row, pixel] = min(pixel + 1, end) - max(pixel, start)
        return table / table.sum(axis=1, keepdims=True)
    centre = (np.arange(new) + 0.5) * scale - 0.5
    first = np.floor(centre).astype(int)
    share = centre - first
    a, near, far = -0.75, share, 1 + share  # bicubic
    taps = [(-1, ((a * far - 5 * a) * far + 8 * a) * far - 4 * a), (0, ((a + 2) * near - (a + 3)) * near ** 2 + 1)]
    near = 1 - share
    taps.append((1, ((a + 2) * near - (a + 3)) * near ** 2 + 1))
    taps.append((2, 1 - sum(weight for _, weight in taps)))
    for offset, weight in taps:
        np.add.at(table, (np.arange(new), np.clip(first + offset, 0, old - 1)), weight)
    return table


if __name__ == '__main__':
    model = Model(Path(__file__).resolve().parent)
    for animal in model.predict(sys.argv[1]):
        listed = sorted(zip(animal['scores'], model.labels['classes']), reverse=True)[:3]
        print(json.dumps(dict(box=animal['box'], score=animal['score'], **animal['answer'],
                              classes=[[name, round(float(score), 5)] for score, name in listed])))
