"""Where results lie: the stages, what each needs, and the paths of a WORK/DATASET folder. The one place that knows."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.core import json_files
from pipelines.core.errors import InputError


@dataclass(frozen=True)
class Stage:
    """One stage.

    Args:
        name: of its make target and its folder.
        module: that runs it: ``python -m MODULE``.
        needs: stages whose results it reads.
        result: the file in its folder that says that it has run.
        writes: what else is in its folder, with what each file is; ``*`` stands for a name, ``{a,b}`` for both.
        trains: it leaves trainings in ``models/<name>/``.
        several: it has a folder of its own for every recipe: ``<name>/<recipe>/``.
        asked: it runs only where it is asked for, ``make <name>``; ``make report`` shows what is there of it.
    """
    name: str
    module: str
    needs: tuple[str, ...]
    result: str
    writes: tuple[tuple[str, str], ...] = ()
    trains: bool = False
    several: bool = False
    asked: bool = False


STAGES = {stage.name: stage for stage in (
    Stage('convert', 'data_converters.convert', (), 'summary.json', (
        ('{train,val,test}.json', 'COCO instances'), ('images', 'a link to the images'),
        ('splits.csv', 'the split of every image'), ('quarantine.json', 'damaged images, left out'),
        ('duplicates.json', 'images that are there twice'), ('summary.txt', 'the summary as text'))),
    Stage('detect', 'pipelines.detect', ('convert',), 'metrics.json', (
        ('detections.json', 'COCO results of all images'), ('detections_{train,val,test}.json', 'by split'),
        ('sheet_{best,worst}.jpg', 'pictures')), trains=True),
    Stage('crop', 'pipelines.crop', ('convert', 'detect'), 'summary.json', (
        ('*_{train,val,test}.json', 'lists of a kind of crop, with lineage'), ('*', 'the crops of a kind'),
        ('quarantine.json', 'damaged images, left out'))),
    Stage('synth', 'pipelines.synth', ('crop',), 'metrics.json', (
        ('train.json', 'list of the synthetic images, with lineage'), ('images/*/*.*', 'class/seed'),
        ('grid_{real,synthetic}.jpg', 'pictures'), ('nearest.jpg', 'those nearest to train')), trains=True,
        several=True),
    Stage('gate', 'pipelines.gate', ('crop', 'synth'), 'gate.json', (('gate.txt', 'the verdicts as text'),),
          trains=True, asked=True),
    Stage('classify', 'pipelines.classify', ('crop', 'synth'), 'table.json', (
        ('table.txt', 'the table as text'), ('predictions/*-seed*.json', 'of each run')), trains=True),
    Stage('explain', 'pipelines.explain', ('classify',), 'explain.json', (
        ('sheet_*.jpg', 'pictures'),), several=True, asked=True),
    Stage('predict', 'pipelines.predict', ('detect', 'classify'), 'predictions.json', (
        ('predictions.csv', 'a row for every animal'), ('summary.json', 'counts'), ('index.html', 'the page'),
        ('crops/*.jpg', 'what the classifiers saw'), ('pictures/*.jpg', 'with boxes and answers')),
        several=True, asked=True),
    Stage('audit', 'pipelines.audit', ('crop',), 'audit.json', (
        ('index.html', 'the page'), ('metadata.csv', 'every image, as convert reads it'),
        ('images', 'a link to the images'),
        ('label_studio/{tasks.json,interface.xml,unlabelled.json}', 'to import'),
        ('fiftyone/{labels.json,data.json}', 'to import')),
        trains=True, several=True, asked=True),
    Stage('robust', 'pipelines.robust', ('classify',), 'card.json', several=True, asked=True),
    Stage('audit-leaks', 'pipelines.audit_leaks', ('classify',), 'leaks.json', asked=True),
    Stage('export', 'pipelines.export', ('detect', 'classify'), 'preprocess.json', (
        ('{detector,classifier}.onnx', 'the networks'), ('{labels,thresholds,parity}.json', 'what goes with them'),
        ('example.py', 'how to use them'), ('README.md', 'the model card')), several=True, asked=True),
    Stage('report', 'pipelines.report', ('convert', 'detect', 'crop', 'synth', 'classify'), 'index.html'))}

# What else there is in a WORK/DATASET folder.
BESIDE = {
    'raw': 'of the toys, drawn in the official layout', 'check': 'that the configs were checked against the data',
    'ablations': 'the table of make ablations: as classify',
    'models': 'what trainings left: STAGE/NAME, and predictions on test: tested/RUN',
    'bundle': 'trained chains, each whole: ROW/card.json and its models',
    'features': 'vectors of images that frozen networks gave, computed once',
    'tries': 'trainings by tools/train.py, which no table shows', 'test_reads.json': 'every reading of the test split'}


@dataclass(frozen=True)
class Workspace:
    """The paths of one dataset's results.

    Args:
        root: WORK/DATASET.
    """
    root: Path

    def folder(self, stage: str, recipe: str = '') -> Path:
        """Of a stage's result; of one recipe, where the stage has several."""
        return self.root / stage / recipe if STAGES[stage].several else self.root / stage

    def model(self, stage: str, name: str) -> Path:
        """Of a training."""
        return self.root / 'models' / stage / name

    def tried(self, stage: str, name: str) -> Path:
        """Of a training by tools/train.py, which no table shows."""
        return self.root / 'tries' / stage / name

    def results(self, stage: str) -> list[Path]:
        """The files that say that a stage has run: one, or one for each recipe."""
        return sorted(self.folder(stage).glob('*/' * STAGES[stage].several + STAGES[stage].result))

    def data(self, stage: str) -> Path:
        """What the file names in a stage's configs are relative to (their ``data_root``)."""
        return self.root / dict(detect='convert', synth='crop', classify='')[stage]


def trained_detector(source: Path) -> Path:
    """The folder of a trained detector: ``source`` itself, or in it as WORK/DATASET.

    Raises:
        InputError: none, or several of which no result says which.
    """
    if (source / 'model.pth').is_file():
        return source.resolve()
    found = sorted(path.parent for path in Workspace(source).model('detect', '').glob('*/model.pth'))
    if len(found) > 1:
        used = [Path(json_files.read(path).get('config') or '').stem for path in Workspace(source).results('detect')]
        found = [path for path in found if path.name in used] or found
    if len(found) != 1:
        raise InputError(source, expected='a run with a trained detector (models/detect/RECIPE/model.pth)',
                         found=' and '.join(path.name for path in found) or 'none',
                         remedy='run make detect there first' if not found else 'name the folder of one of them')
    return found[0].resolve()
