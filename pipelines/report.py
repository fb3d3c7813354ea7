"""One static HTML page of everything that has run: what helped, by how much, and how surely.

    python -m pipelines.report --work work_dirs/toy-dogs --out work_dirs/toy-dogs/report

Reads the results of convert, detect, crop, synth, classify and the trainings in models/ (docs/formats.md). A stage
that has not run yet is shown as such, with the command that runs it. The page needs no network: pictures, plots and
style are inside index.html.
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core import manifest
from pipelines.core.errors import command

if TYPE_CHECKING:
    from pipelines.reporting.found import Found, Model

TEMPLATE = 'report.html.j2'


def report(work: Path, out: Path) -> bool:
    """Write ``index.html``.

    Args:
        work: WORK/<dataset>, the folder that holds the stages' folders.
        out: the result's folder.
    Returns:
        whether anything was written; False where the page is up to date.
    Raises:
        InputError: no stage has run, or a result cannot be read.
    """
    from pipelines.reporting import found, templates

    inputs = found.inputs(work) | templates.inputs(TEMPLATE)

    def build(folder: Path) -> None:
        (folder / 'index.html').write_text(page(work), encoding='utf-8')

    return manifest.produce(out, 'report', {}, inputs, build, packages=('jinja2', 'matplotlib', 'pillow'))


def page(work: Path) -> str:
    """The page's HTML."""
    from pipelines.reporting import found, templates, words

    results = found.read(work)
    return templates.render(
        TEMPLATE, found=results,
        commands=words.commands(results.manifests),
        make_line=words.make_line(results.dataset, results.manifests), configs=_configs(results.models),
        versions=words.versions(results.manifests),
        **results.results, **_stages(results), **_table(results.results['classify']))


def _stages(results: Found) -> dict:
    """What the page shows of the stages before the table: pictures, curves, sentences."""
    from pipelines.reporting import figures, pictures, words

    work, synth = results.root, results.results['synth']
    titles = {row['name']: row['title'] for row in (results.results['classify'] or {'rows': []})['rows']}
    order = list(titles)
    trained: dict[str, dict[str, list]] = {}
    for model in sorted(results.models, key=lambda model: order.index(model.row) if model.row in order else len(order)):
        title = titles.get(model.row, model.row) if model.stage == 'classify' else model.stage
        trained.setdefault(model.stage, {}).setdefault(title, []).append(model)
    return dict(
        sheets={kind: pictures.sheet(work / 'detect' / f'sheet_{kind}.jpg') for kind in ('best', 'worst')},
        grids={kind: pictures.sheet(work / 'synth' / f'grid_{kind}.jpg') for kind in ('real', 'synthetic')},
        samples=pictures.crop_samples(results),
        synth_words=words.synthesis(synth) if synth else [],
        curves={stage: figures.curves(groups, f'curves-{stage}') for stage, groups in trained.items()})


def _configs(models: list[Model]) -> list[Model]:
    """One training per config: the seeds of a row share theirs."""
    return list({(model.stage, model.row): model for model in reversed(models) if model.config}.values())[::-1]


def _table(table: dict | None) -> dict:
    """What the page shows of classify's table."""
    from pipelines.reporting import figures, words

    if table is None:
        return dict(headline=('Nothing has been compared yet', 'The classifiers have not been trained.'), best=None)
    best = max(table['rows'], key=lambda row: row['top1'])
    hardest = sorted((i for i, share in enumerate(best['per_class']) if share is not None),
                     key=lambda i: best['per_class'][i])
    return dict(headline=words.headline(table), best=best, hardest=hardest, forest=figures.forest(table),
                titles={row['name']: row['title'] for row in table['rows']},
                confusion=figures.confusion(table['classes'], best['confusion'], best['title']),
                pairs=words.confused_pairs(table['classes'], best['confusion']))


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m pipelines.report', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--work', type=Path, required=True, help='WORK/<dataset>: holds convert/, detect/, ...')
    parser.add_argument('--out', type=Path, help='default: report/ in the work folder')
    args = parser.parse_args(argv)
    out = args.out or args.work / 'report'
    report(args.work, out)
    print(f'[report] open {out / "index.html"}')


if __name__ == '__main__':
    sys.exit(main())
