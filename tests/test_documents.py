"""The documents name what there is: links and anchors, files, make's targets and variables, modules, options."""
from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from markdown.extensions.toc import slugify

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', ROOT / 'CHANGELOG.md', *sorted((ROOT / 'docs').glob('*.md'))]
PACKAGES = ('pipelines', 'data_converters', 'tools', 'mm_configs', 'tests', 'docs', 'requirements', '.ci', '.github')
EXAMPLES = {'smooth.py', 'my_detector.py', 'my_gan.py', 'A.py', 'B.py', 'own.py'}  # a reader's own configs
RESULTS = {'config.py'}  # lie in WORK

documents = pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)


def tracked() -> set[str]:
    found = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard'], cwd=ROOT, capture_output=True, text=True)
    files = found.stdout.splitlines() or [str(path.relative_to(ROOT)) for name in (*PACKAGES, 'Makefile')
                                          for path in (ROOT / name).rglob('*')]
    return {file for file in files if (ROOT / file).exists()}


def braces(text: str) -> list[str]:
    """``a_{x,y}.py`` -> both."""
    if not (found := re.search(r'\{([^{}]*,[^{}]*)\}', text)):
        return [text]
    return [one for word in found[1].split(',') for one in braces(text[:found.start()] + word + text[found.end():])]


def code(text: str) -> list[str]:
    """Each line of code of a document: fenced, indented, and in backticks."""
    fenced = [line for block in re.findall(r'^```\w*\n(.*?)^```', text, re.M | re.S) for line in block.splitlines()]
    rest = re.sub(r'^```.*?^```', '', text, flags=re.M | re.S)
    indented = [line.strip() for line in rest.splitlines() if line.startswith('    ')]
    lines = '\n'.join([*fenced, *indented]).replace('\\\n', ' ').splitlines()
    return [*lines, *(' '.join(span.split()) for span in re.findall(r'`([^`]+)`', rest))]


def sources(module: str) -> str:
    """Of one of our modules, and of those of ours that it imports."""
    def path(name: str) -> Path | None:
        file = ROOT / name.replace('.', '/')
        choices = file.with_suffix('.py'), file / '__main__.py', file / '__init__.py'
        return next((one for one in choices if one.is_file()), None)

    start = path(module)
    assert start, f'no module {module}'
    text = start.read_text()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or '').split('.')[0] in PACKAGES:
            for name in (node.module, *(f'{node.module}.{alias.name}' for alias in node.names)):
                text += file.read_text() if (file := path(name)) else ''
    return text


@documents
def test_links_lead_somewhere(document):
    wrong = []
    for target in re.findall(r'\]\(([^)\s]+)\)', document.read_text()):
        if re.match(r'[a-z]+:', target):
            continue
        name, _, anchor = target.partition('#')
        file = document.parent / name if name else document
        if not file.exists():
            wrong.append(target)
        elif anchor:
            titles = re.findall(r'^#+ (.*)$', file.read_text(), re.M)
            wrong += [] if anchor in {slugify(title.replace('`', ''), '-') for title in titles} else [target]
    assert not wrong


@documents
def test_files_that_are_named_exist(document):
    files = tracked()
    folders = {str(parent) for file in files for parent in Path(file).parents}
    wrong = []
    for line in code(document.read_text()):
        for word in re.findall(r'[\w./{},*@$-]+', line):
            for name in braces(word.partition('@')[0].rstrip('.,/')):
                first, suffix = name.split('/')[0], Path(name).suffix
                if '$' in name or '**' in name:
                    continue
                if '/' in name and first in PACKAGES and (suffix or name in folders):
                    there = bool(list(ROOT.glob(name))) if '*' in name else name in files
                elif suffix == '.py' and Path(name).name not in EXAMPLES | RESULTS:
                    there = bool(list(ROOT.glob(f'**/{name}'))) if '*' in name else any(
                        f'/{file}'.endswith(f'/{name}') for file in files)
                else:
                    continue
                wrong += [] if there or name in folders else [name]
    assert not wrong


@documents
def test_targets_and_variables_of_make_exist(document):
    makefile = (ROOT / 'Makefile').read_text()
    targets = set(re.findall(r'^([a-z-]+):', makefile, re.M))
    known = makefile + (ROOT / 'tools/check_variables.py').read_text()
    wrong = []
    for line in code(document.read_text()):
        if not (found := re.match(r'make (?!-)(.*)', line)):
            continue
        for word in found[1].partition(' #')[0].split():
            name, equals, _ = word.partition('=')
            if re.fullmatch(r'[a-z][a-z-]*', word):
                wrong += [] if word in targets else [word]
            elif equals and re.fullmatch('[A-Z_]+', name):
                wrong += [] if re.search(rf'\b{name}\b', known) else [name]
    assert not wrong


@documents
def test_modules_and_options_exist(document):
    wrong = []
    known = ' '.join(path.read_text() for package in PACKAGES[:3] for path in (ROOT / package).rglob('*.py'))
    for line in code(document.read_text()):
        commands = re.findall(r'(?:python3? -m ([\w.]+)|python3? (tools/\w+\.py)|(tools/\w+\.sh))([^|;`]*)', line)
        for module, script, shell, rest in commands:
            file = script or re.sub('(slurm|dist)_', '', shell)  # which hand their arguments on
            if shell and (called := re.search(r' -m (pipelines\.\w+) ', (ROOT / shell).read_text())):
                module = called[1]
            name = module or file.rpartition('.')[0].replace('/', '.')
            if name.split('.')[0] not in PACKAGES:
                wrong += [] if importlib.util.find_spec(name.split('.')[0]) else [name]
                continue
            text = sources(name)
            wrong += [f'{name} {option}' for option in re.findall(r'(?<!\S)(--[a-z][\w-]*)', rest.partition(' #')[0])
                      if option != '--help' and f"'{option}'" not in text]
        if not commands and (alone := re.fullmatch(r'(--[a-z][\w-]*)(?:[ =]\S.*)?', line)):
            wrong += [] if f"'{alone[1]}'" in known or f'{alone[1]} ' in known else [alone[1]]
    assert not wrong


def test_the_site_builds_without_a_warning(tmp_path):
    found = subprocess.run([sys.executable, '-m', 'mkdocs', 'build', '--quiet', '--strict', '--config-file',
                            'tools/mkdocs.yml', '--site-dir', str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, '')
    page = (tmp_path / 'index.html').read_text()  # which needs no network
    assert not re.findall(r'(?:src|href)="(?:https?:)?//[^"]*\.(?:js|css|woff2?)"', page)


def test_every_page_is_in_the_site():
    pages = set(re.findall(r'(\w+\.md)', (ROOT / 'tools/mkdocs.yml').read_text()))
    assert pages == {path.name for path in (ROOT / 'docs').glob('*.md')}
