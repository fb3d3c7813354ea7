"""A WORK/<dataset> folder as the stages leave it (docs/formats.md): real pictures, drawn scores, counted tables."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from pipelines.core import boxes, comparison, images, json_files, lineage
from pipelines.core.manifest import NAME

BREEDS = ['red fox-terrier', 'blue <collie> & $co$', 'green pug', 'grey setter', 'pink spitz', 'brown beagle']
SEEDS = (0, 1, 2)
ROWS = {  # name: (title, train images, skill)
    'full': ('full images', 60, 0.8), 'box': ('box crops', 60, 2.2), 'square': ('square crops', 60, 1.0),
    'synth': ('square crops + synthetic', 120, 0.85), 'scratch': ('square crops, from scratch', 60, 0.1)}
MADE = dict(code='ab' * 32, device='CPU', threads=1)
VERSIONS = dict(fgic='0.2.0', torch='2.13.0')


def _json(path: Path, content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    json_files.write(path, content)


def _manifest(folder: Path, stage: str, *reads: str, **parameters) -> None:
    inputs = [dict(path=path, sha256='00', count=1) for path in reads]
    _json(folder / NAME, dict(stage=stage, parameters=parameters, inputs=inputs, versions=VERSIONS, made=[MADE],
                              outputs=[]))


def _jpeg(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(images.encode_jpeg(picture, 90))


def _animal(rng: np.random.Generator, label: int) -> tuple[np.ndarray, list[int]]:
    """A (120, 160, 3) picture with a disc in its class's colour on a noisy ground, and the disc's xyxy."""
    colours = [[200, 60, 50], [60, 90, 200], [60, 170, 80], [130] * 3, [220, 130, 190], [120, 80, 40]]
    picture = rng.normal(150, 25, (120, 160, 3))
    x, y, w, h = rng.integers(30, 90), rng.integers(25, 60), rng.integers(40, 65), rng.integers(30, 50)
    rows, columns = np.mgrid[:120, :160]
    inside = ((columns - x - w / 2) / (w / 2)) ** 2 + ((rows - y - h / 2) / (h / 2)) ** 2 < 1
    picture[inside] = colours[label] + rng.normal(0, 12, (int(inside.sum()), 3))
    return picture.clip(0, 255).astype(np.uint8), [int(x), int(y), int(x + w), int(y + h)]


def convert(root: Path, **more) -> None:
    """With more keys of the summary."""
    splits = {name: dict(images=count, boxes=count + 2, multi_object=2, clipped=1, dropped_boxes=0, quarantined=3)
              for name, count in (('train', 1060), ('val', 12), ('test', 120))}
    _json(root / 'convert/summary.json', dict(
        dataset=root.name, classes=len(BREEDS), splits=splits, annotation_only=False,
        layout='stanford-dogs', drawn=['val'], remarks=[], duplicates=0,
        dropped=[dict(file='Images/n01-a/x.jpg', reason='no XML')]) | more)
    _manifest(root / 'convert', 'convert', dataset=root.name, seed=0, annotation_only=False)


def detect(root: Path) -> None:
    rng = np.random.default_rng(1)
    coco = dict(AP=0.612, AP50=0.951, AP75=0.702)
    splits = dict(train=dict(images=1060, localisation_accuracy=0.9912, no_detection=0),
                  val=dict(images=12, localisation_accuracy=0.9167, no_detection=1, coco=coco),
                  test=dict(images=120, localisation_accuracy=0.8765, no_detection=3, coco=coco))
    _json(root / 'detect/metrics.json', dict(config='mm_configs/detect/toy-dogs/x.py', class_agnostic=True,
                                             best_epoch=7, splits=splits))
    for kind in ('best', 'worst'):
        sheet = images.contact_sheet([_animal(rng, i % 6)[0] for i in range(12)], [f'IoU 0.{i}' for i in range(12)],
                                     columns=4)
        sheet.save(root / f'detect/sheet_{kind}.jpg')
    _manifest(root / 'detect', 'detect', config='faster-rcnn.py', config_sha256='ab12', seed=0)
    model(root, 'detect/x', ('loss', 'loss_rpn_cls'), 'val/detect/AP')


def crop(root: Path) -> None:
    rng, lists = np.random.default_rng(2), {}
    for number in range(24):
        split, label = ('train', 'test')[number % 2], number % len(BREEDS)
        picture, xyxy = _animal(rng, label)
        fallback = number == 23
        source = 'fallback' if fallback else 'gt' if split == 'train' else 'det'
        square = boxes.whole_pixels(boxes.square([xyxy], (160, 120)), (160, 120))[0].tolist()
        areas = dict(full=[0, 0, 160, 120], box=xyxy, square=square)
        for mode, area in areas.items():
            path = f'{mode}/{number}.jpg'
            _jpeg(root / 'crop' / path, picture if fallback else images.crop(picture, area))
            lists.setdefault((mode, split), []).append(dict(
                img_path=path, gt_label=label, image_id=number, split=split,
                box_source='none' if mode == 'full' else source, score=0.9 if source == 'det' else None,
                box=None if fallback else xyxy, crop=area))
    for mode in ('full', 'box', 'square'):
        for split in ('train', 'val', 'test'):
            lineage.write_list(root / 'crop' / f'{mode}_{split}.json', BREEDS, lists.get((mode, split), []))
    parameters = dict(kinds=['full', 'box', 'square'], boxes=dict(train='gt', val='det', test='det'))
    _json(root / 'crop/summary.json', dict(parameters=parameters, mode_counts=dict(
        train=dict(gt=12), val={}, test=dict(det=11, fallback=1))))
    _manifest(root / 'crop', 'crop', 'detect/detections.json', **parameters)


def figures(**changed) -> dict:
    """Of a set of images, as synth's metrics.json has them."""
    top1 = dict(top1=0.733, interval=[0.68, 0.78])
    return dict(sharpness=0.98, one_nn=0.52, kid=0.01, precision=0.61, recall=0.42, distance=1.2, copy_distance=0.7,
                copies=0.05, coverage=0.4, coverage_by_class=[0.4] * 5 + [None], recognised=0.75, as_train=top1,
                as_test=top1) | changed


def synth(root: Path, generator: str = '') -> None:
    """Of a generator's own folder, or of the one generator there is."""
    rng, folder, config = np.random.default_rng(3), root / 'synth' / generator, generator or 'y'
    _json(folder / 'metrics.json', dict(
        config=f'mm_configs/synth/toy-dogs/{config}.py', iterations=3000, images_per_class=10, resolution=64,
        classes=BREEDS, figures=[dict(feature_space='HOG', rows={'held-out real': figures(), 'synthetic': figures(
            one_nn=0.81, kid=0.36, copies=0.02, as_train=dict(top1=0.412, interval=[0.35, 0.47]))})],
        signs=dict(collapse=['KID is 36 times that of held-out real images (most: 10)'], copying=[]),
        classifier='small CNN', steps=300, seeds=3, top_k=1, chance=1 / 6,
        images=dict(train=60, val=12, synthetic=60), fid_note='FID was not measured: no weights'))
    for name in ('grid_real', 'grid_synthetic', 'nearest'):
        pictures = [_animal(rng, i // 8)[0] for i in range(48)]
        images.contact_sheet(pictures, [''] * 48, columns=8, cell=64).save(folder / f'{name}.jpg')
    _manifest(folder, 'synth', config=f'mm_configs/synth/toy-dogs/{config}.py')
    model(root, f'synth/{config}', ('loss_gen', 'loss_disc'), None)


def gate(root: Path) -> dict:
    """One generator that is let in, one that collapsed."""
    def one(name: str, verdict: str, why: str, **more) -> dict:
        return dict(name=name, verdict=verdict, why=why, images=None, kept=None, gains=[], figures=dict(
            feature_space='HOG', rows={'held-out real': figures(), 'synthetic': figures(one_nn=0.81)}), signs={}) | more

    gains = [dict(percent=percent, value=value, interval=[value - .02, value + .02], error=.007, least=.026)
             for percent, value in ((10, .012), (30, .034))]
    content = dict(
        recipe='mm_configs/classify/resnet18_64px.py', kind='square', seeds=5, probabilities=[10, 30], trained=True,
        classes=BREEDS, let_in=['square+mixed_kept-p30'], generators=[
            one('mixed', 'use', 'in place of 30 % they bring +3.4 points', images='square+mixed_kept-p30',
                kept=dict(top_k=1, kept=0.8, by_class=[0.9, 0.8, 0.7, 0.8, 0.8, None]), gains=gains, folds=1,
                held_out=120, real=0.8, power='With 120 held-out images a gain of 2.6 points would have been seen.'),
            one('y', 'collapsed', 'KID is 36 times that of held-out real images (most: 10)')])
    _json(root / 'gate/gate.json', content)
    _json(root / '.gate.seconds.json', dict(trainings=1234.5, counts=dict(trainings=15)))
    _manifest(root / 'gate', 'gate', recipe='resnet18_64px')
    return content


def model(root: Path, name: str, losses: tuple[str, ...], score: str | None, seed: int = 0) -> None:
    rng, folder = np.random.default_rng(seed), root / 'models' / name
    lines = [dict(step=i, epoch=i // 50, **{loss: 2 * np.exp(-i / 200) + rng.random() / 5 for loss in losses})
             for i in range(10, 500, 10)]
    if score:
        lines += [dict(step=i, epoch=i // 50, **{score: 0.8 * (1 - np.exp(-i / 150))}) for i in range(50, 501, 50)]
    folder.mkdir(parents=True)
    (folder / 'metrics.jsonl').write_text(''.join(json.dumps(line) + '\n' for line in lines))
    (folder / 'config.py').write_text(f"model = dict(type='{name}')  # lr < 0.1 & so on\n")
    _manifest(folder, name.split('/')[0], seed=seed)


def _predictions(rng: np.random.Generator, classes: list[str], count: int, skill: float, ease: np.ndarray) -> dict:
    """What one training predicts of ``count`` images, all rows finding the same ones easy."""
    labels = np.arange(count) % len(classes)
    logits = ease[:count] + 0.7 * rng.normal(size=(count, len(classes)))
    logits[np.arange(count), labels] += 2 * skill
    scores = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return dict(classes=classes, image_id=list(range(count)), label=labels.tolist(), scores=scores.round(5).tolist())


def classify(root: Path, classes: list[str] = BREEDS, count: int = 120, *, seeds: tuple[int, ...] = SEEDS,
             tested: bool = True) -> dict:
    """Scores are drawn so that rows differ by skill on the same images; everything else is counted from them."""
    rng = np.random.default_rng(4)
    ease, test, val = rng.normal(size=(count, len(classes))), {}, {}
    for name, (_, train_images, skill) in ROWS.items():
        for seed in seeds:
            for results, number in ((test, count), (val, count // 2)):
                results.setdefault(name, {})[seed] = dict(_predictions(rng, classes, number, skill, ease),
                                                          best_epoch=seed + 3, train_images=train_images)
            model(root, f'classify/{name}-seed{seed}', ('loss',), 'val/accuracy/top1', seed)
    parents = {'scratch': ('square',), 'synth': ('square',), 'square': ('margin',)}
    rows = [comparison.Row(name, title, f'mm_configs/classify/{name}.py', parents.get(name, ()))
            for name, (title, _, _) in ROWS.items()]
    costs = {name: dict(parameters=11_200_000 + number, flops=560_000_000, input=[3, 64, 96], images_per_second=123.,
                        batch=8, dtype='float32', device='CPU', cpu='a CPU', threads=2, instructions='AVX2', model='0')
             for number, name in enumerate(list(ROWS)[1:])}  # the first is of an older version
    for name, cost in costs.items():
        _json(root / f'models/classify/{name}-seed{seeds[0]}/logs/cost.json', cost)
    table = comparison.tabulate(rows, test if tested else None, val, family=9, reads=24 if tested else None,
                                costs=costs)
    _json(root / 'classify/table.json', table)
    _manifest(root / 'classify', 'classify', rows=list(ROWS), seeds=list(seeds))
    return table


def everything(root: Path) -> dict:
    for stage in (convert, detect, crop, synth):
        stage(root)
    return classify(root)
