"""What an audit found, for those who look at it: a table that convert reads, Label Studio's tasks, FiftyOne's dataset.

Sources: labelstud.io/guide/predictions ("JSON format for pre-annotations"); docs.voxel51.com, "Supported dataset
formats", FiftyOneImageDetectionDataset.
"""
from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from pipelines.core import json_files
from pipelines.core.files import replacing

COLUMNS = ('file_name', 'label', 'split', 'bbox')  # that convert reads (data_converters/table.py)
FOUND = ('rank', 'suggested', 'suspicion', 'p_label', 'p_suggested', 'flagged', 'nearest_label', 'nearest_suggested')
TABLE, IMAGES = 'metadata.csv', 'images'


@dataclass(frozen=True)
class Item:
    """An image of a dataset, and what was found.

    Args:
        id: of the image.
        file: below the folder of images.
        size: width and height in pixels.
        label, split: as given.
        boxes: (left, top, width, height) of all annotated ones, in pixels.
        box: xyxy that was judged; None: the whole image.
        found: by `FOUND`; empty of an image that was not judged (of test).
    """
    id: int
    file: str
    size: tuple[int, int]
    label: str
    split: str
    boxes: Sequence[Sequence[float]]
    box: Sequence[float] | None
    found: dict[str, Any]

    def shares(self) -> list[float]:
        """Left, top, width and height of the judged box, as shares of the image."""
        width, height = self.size
        x1, y1, x2, y2 = self.box or (0, 0, width, height)
        return [x1 / width, y1 / height, (x2 - x1) / width, (y2 - y1) / height]


def write_table(path: Path, items: Iterable[Item]) -> None:
    """All images, those first whose label is most suspect: `COLUMNS`, which convert reads, and `FOUND`, which it does
    not. Whoever corrects a label edits its cell."""
    with replacing(path) as stream:
        rows = csv.writer(stream, lineterminator='\n')
        rows.writerow([*COLUMNS, *FOUND])
        for item in sorted(items, key=lambda item: (item.found.get('rank', float('inf')), item.id)):
            rows.writerow([f'{IMAGES}/{item.file}', item.label, item.split,
                           json.dumps([list(box) for box in item.boxes]) if item.boxes else '',
                           *(_cell(item.found.get(name, '')) for name in FOUND)])


def _cell(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else f'{value:.4f}' if isinstance(value, float) else value


def label_studio(items: Sequence[Item], model: str) -> list[dict[str, Any]]:
    """Tasks for Label Studio, in the order of ``items``. Images are named below its LOCAL_FILES_DOCUMENT_ROOT.

    Args:
        model: what has judged.
    """
    tasks = []
    for item in items:
        x, y, width, height = (100 * share for share in item.shares())
        common = dict(to_name='image', original_width=item.size[0], original_height=item.size[1], image_rotation=0)
        region = dict(x=x, y=y, width=width, height=height, rotation=0)
        tasks.append(dict(
            data=dict(image=f'/data/local-files/?d={quote(item.file)}', given=item.label, file=item.file,
                      **{name: item.found[name] for name in ('suggested', 'suspicion', 'rank')}),
            predictions=[dict(model_version=model, score=item.found['suspicion'], result=[
                dict(common, id=f'label-{item.id}', from_name='label', type='choices',
                     value=dict(choices=[item.found['suggested']])),
                dict(common, id=f'box-{item.id}', from_name='box', type='rectanglelabels',
                     value=dict(region, rectanglelabels=['judged']))])]))
    return tasks


def label_studio_next(rows: Sequence[dict[str, Any]], classes: Sequence[str], model: str) -> list[dict[str, Any]]:
    """Tasks for photographs that nobody has labelled: one for each, with all animals that were found on it, in the
    order of the first.

    Args:
        rows: of animals: ``file``, ``size``, ``box``, ``best``, ``confidence`` and ``entropy``.
        model: what has found them.
    """
    tasks: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(rows):
        (width, height), (x1, y1, x2, y2) = row['size'], row['box']
        task = tasks.setdefault(row['file'], dict(
            data=dict(image=f'/data/local-files/?d={quote(row["file"])}', given='nothing', file=row['file']),
            predictions=[dict(model_version=model, score=row['entropy'], result=[])]))
        common = dict(to_name='image', original_width=width, original_height=height, image_rotation=0)
        result = task['predictions'][0]['result']
        if not result:
            result.append(dict(common, id=f'label-{number}', from_name='label', type='choices',
                               value=dict(choices=[classes[row['best']]])))
        result.append(dict(common, id=f'box-{number}', from_name='box', type='rectanglelabels', value=dict(
            x=100 * x1 / width, y=100 * y1 / height, width=100 * (x2 - x1) / width, height=100 * (y2 - y1) / height,
            rotation=0, rectanglelabels=['judged'])))
    return list(tasks.values())


def label_studio_config(classes: Sequence[str]) -> str:
    """The labelling interface that `label_studio`'s tasks are for."""
    choices = '\n'.join(f'    <Choice value={quoteattr(name)}/>' for name in classes)
    return f'''<View>
  <Header value="given: $given"/>
  <Image name="image" value="$image" zoom="true"/>
  <RectangleLabels name="box" toName="image"><Label value="judged"/></RectangleLabels>
  <Choices name="label" toName="image" choice="single" showInLine="true">
{choices}
  </Choices>
</View>
'''


def fiftyone(items: Sequence[Item], classes: Sequence[str]) -> dict[str, Any]:
    """``labels.json`` of a FiftyOneImageDetectionDataset: the judged box with the given label, what was found as its
    attributes. Images are known by their ids, which `fiftyone_files` names."""
    return dict(classes=list(classes), labels={str(item.id): [dict(
        label=item.label, bounding_box=item.shares(), attributes=dict(split=item.split, **item.found))]
        for item in items})


def fiftyone_files(items: Sequence[Item], images: Path) -> dict[str, str]:
    """``data.json`` of the same: by id, the path of the image."""
    return {str(item.id): str(images / item.file) for item in items}


def write(folder: Path, items: Sequence[Item], classes: Sequence[str], model: str) -> None:
    """Everything but the table, of the images that were judged, the most suspect first."""
    judged = sorted((item for item in items if item.found), key=lambda item: item.found['rank'])
    for name in ('label_studio', 'fiftyone'):
        (folder / name).mkdir()
    json_files.write(folder / 'label_studio/tasks.json', label_studio(judged, model))
    (folder / 'label_studio/interface.xml').write_text(label_studio_config(classes), encoding='utf-8')
    json_files.write(folder / 'fiftyone/labels.json', fiftyone(judged, classes))
    json_files.write(folder / 'fiftyone/data.json', fiftyone_files(judged, Path('..') / IMAGES))
