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

from pipelines.core import ledger, manifest, rows
from pipelines.core.errors import InputError, command
from pipelines.core.workspace import Workspace


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
    from pipelines.reporting import page

    def build(folder: Path) -> None:
        (folder / 'index.html').write_text(page.html(work), encoding='utf-8')

    check_family(work)
    manifest.check_chain(work, 'classify', 'crop', 'detect', *(f'synth/{path.parent.name}'
                                                                for path in Workspace(work).results('synth')))
    return manifest.produce(out, 'report', page.parameters(work), page.inputs(work), build, quick=True,
                            packages=('jinja2', 'matplotlib', 'pillow'))


def check_family(work: Path) -> None:
    """The table's p values are corrected for all that was compared on its test split since, too.

    Raises:
        InputError: test was read or compared on after the table was made.
    """
    said = manifest.found(work / 'classify').get('parameters', {})
    if 'test_reads' not in said:
        return
    test = work / rows.Images.parse(said['rows'][0].partition('@')[2]).lists(['test'])[0]
    if not test.is_file():
        return
    used = ledger.count(work / ledger.NAME, ledger.split_of(test))
    if (used.comparisons, used.reads) != (said['comparisons'], said['test_reads']):
        raise InputError(work / 'classify', found=f'one of when it was {said["comparisons"]}, in {said["test_reads"]}',
                         expected=f'a table corrected for all {used.comparisons} comparisons on its test split, in '
                         f'{used.reads} readings', remedy='run make classify again: it trains nothing for that')


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
