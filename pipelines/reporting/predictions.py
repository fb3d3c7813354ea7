"""The page of a prediction: what was found, how sure that is, and pictures of the surest and of the open answers."""
from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from typing import Any, NamedTuple
from urllib.parse import quote

from pipelines.core import answer_pictures, answers, images
from pipelines.core.bundle import Bundle
from pipelines.core.errors import InputError
from pipelines.core.predictions import Record
from pipelines.reporting import pictures, templates

SHOWN = 24  # pictures of each gallery
FAILURES = 100  # that are listed
_LONGER = 320  # pixels


class Seen(NamedTuple):
    """An animal that may be shown; of two the one that is better shown is the larger.

    Args:
        rank: what is better shown.
        order: its place among all, falling, so that of equals the first is shown.
        file: its name.
        row: of the animal.
    """
    rank: float
    order: int
    file: str
    row: dict[str, Any]


class Summary:
    """Counts records as they come, and keeps those that are shown.

    Args:
        bundle: whose answers they are.
        target: share of answers that are to be right; 0: none was asked for.
        conf: threshold of the detections.
        paths: of the files, by name.
        linked: the pictures are kept in ``pictures/``.
    """

    def __init__(self, bundle: Bundle, target: float, conf: float, paths: dict[str, str], *, linked: bool) -> None:
        self.bundle, self.target, self.conf, self.paths, self.linked = bundle, target, conf, paths, linked
        self._counts = Counter(dict.fromkeys(('files', 'animals', 'empty', 'failure', *answers.LEVELS, answers.NONE),
                                             0))
        self._names: Counter[tuple[str, str]] = Counter()
        self._failures: list[Record] = []
        self._best: dict[str, list[Seen]] = defaultdict(list)
        self._open: list[Seen] = []

    def add(self, record: Record) -> None:
        self._counts['files'] += 1
        if 'failure' in record:
            self._counts['failure'] += 1
            self._failures += [record] if len(self._failures) < FAILURES else []
            return
        self._counts['empty'] += not record['animals']
        for row in record['animals']:
            self._counts['animals'] += 1
            answer = row['answer']
            self._counts[answer['level']] += 1
            self._names[answer['level'], answer['name']] += 1
            sure = answer['level'] != answers.NONE
            seen = Seen(answer['confidence'] * (1 if sure else -1), -self._counts['animals'], record['file'], row)
            _keep(self._best[answer['name']] if sure else self._open, seen, 2 if sure else SHOWN)

    def counts(self) -> dict[str, int]:
        """``files``, ``animals``, ``empty``, ``failure``, and answers by level."""
        return dict(self._counts)

    def html(self) -> str:
        of_classes = sorted((seen for kept in self._best.values() for seen in kept), reverse=True)
        first = sorted((max(kept) for kept in self._best.values() if kept), reverse=True)
        chosen = (first + [seen for seen in of_classes if seen not in first])[:SHOWN]
        promises = {level: answers.promise(row, self.target)
                    for level, row in self.bundle.unsure_below(self.target).items()} if self.target else {}
        return templates.render(
            'predictions.html.j2', card=self.bundle.card, counts=self._counts, conf=self.conf, promises=promises,
            target=self.target, failures=self._failures, levels=(*answers.LEVELS, answers.NONE),
            names=[(level, name, count) for (level, name), count in sorted(
                self._names.items(), key=lambda item: (-item[1], item[0]))],
            galleries=[(title, [self._shown(seen) for seen in kept]) for title, kept in (
                ('The surest of each answer', chosen), ('The least sure', sorted(self._open, reverse=True))) if kept])

    def _shown(self, seen: Seen) -> dict[str, Any]:
        """A cell of a gallery."""
        cell = dict(file=seen.file, caption=answer_pictures.caption(seen.row), reason=seen.row['answer']['reason'],
                    uri='', fault='', link=f'pictures/{quote(seen.file)}.jpg' if self.linked else '')
        try:
            drawn = answer_pictures.draw(images.read(self.paths[seen.file]), [seen.row], _LONGER)
        except InputError as error:
            return dict(cell, fault=f'It can no longer be read: {error.parts["found"]}.')
        return dict(cell, uri=pictures.data_uri(drawn, _LONGER))


def _keep(heap: list[Seen], seen: Seen, most: int) -> None:
    """Of all that were seen, the best so many."""
    if len(heap) < most:
        heapq.heappush(heap, seen)
    else:
        heapq.heappushpop(heap, seen)
