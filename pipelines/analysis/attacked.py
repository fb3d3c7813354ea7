"""A row under attack: FGSM, PGD and AutoAttack in a cascade, from the weakest to the strongest.

An image that an attack has broken stays broken: a stronger attack works on what the weaker ones left, and the accuracy
under it is that under the worst of all before. So the order holds by construction, and no time goes into images that
are broken already. Whether an attack is weaker than it should be is looked for apart (`masking`).

Threat model: the network's own input in [0, 1], after resizing and padding, grey borders included; the attacker knows
the network. float32 and evaluation mode. Sources: Goodfellow et al. 2015 (arXiv 1412.6572), Madry et al. 2018 (arXiv
1706.06083), Croce and Hein 2020 (AutoAttack, arXiv 2003.01690), Athalye et al. 2018 (masking, arXiv 1802.00420).
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.analysis.subject import Rows, subject
from pipelines.openmm.attacks import Attack
from pipelines.runs import Run

LINF = (1, 2, 4, 8)  # / 255
L2 = (0.25, 0.5, 1.0, 2.0)
STEPS = (10, 40)
_FEWEST_CLASSES = 4  # of the targeted loss: it takes the third best class, too
_SEEN = 8 / 255  # radius at which signs of masking are looked for


@dataclass(frozen=True)
class Plan:
    """What is tried.

    Args:
        autoattack: ``none``; ``part``: APGD on the cross-entropy, and Square with few queries; ``standard``: all of it.
        auto_eps: the radii of AutoAttack, Linf, / 255.
        queries: of Square.
        restarts: of PGD-40.
        l2: radii under L2.
    """
    autoattack: str = 'part'
    auto_eps: tuple[int, ...] = (2, 8)
    queries: int = 500
    restarts: int = 2
    l2: tuple[float, ...] = L2

    def words(self, classes: int) -> str:
        """What the card says of AutoAttack."""
        if self.autoattack == 'none':
            return 'AutoAttack was not run.'
        if self.autoattack == 'part':
            return (f'"APGD + Square" is a part of AutoAttack: APGD on the cross-entropy with 100 steps, Square with '
                    f'{self.queries:,} queries. The standard version has targeted APGD, FAB and 5,000 queries, too.')
        return f'AutoAttack: the standard version with {_targets(classes)} target classes' + (
            '; without targeted APGD, which needs four classes.' if classes < _FEWEST_CLASSES else '.')


def _targets(classes: int) -> int:
    return min(9, classes - 1)


def cascade(plan: Plan) -> list[tuple[str, str, float, list[tuple[str, Callable[..., Tensor]]]]]:
    """(name, norm, radius, [(attack, its images)]) from weak to strong, radius by radius."""
    found: list[tuple[str, str, float, list[tuple[str, Callable[..., Tensor]]]]] = []
    for eps in LINF:
        found.append((f'linf-{eps}', 'linf', eps / 255, [
            ('FGSM', Attack('fgsm', eps / 255)), (f'PGD-{STEPS[0]}', Attack('pgd', eps / 255, steps=STEPS[0])),
            (f'PGD-{STEPS[1]}', Attack('pgd', eps / 255, steps=STEPS[1], start='uniform', restarts=plan.restarts)),
            *([('AutoAttack' if plan.autoattack == 'standard' else 'APGD + Square', auto(plan, eps / 255))]
              if plan.autoattack != 'none' and eps in plan.auto_eps else [])]))
    for radius in plan.l2:
        found.append((f'l2-{radius:g}', 'l2', radius, [
            (f'PGD-{STEPS[1]}', Attack('pgd', radius, 'l2', STEPS[1], start='uniform', restarts=plan.restarts))]))
    return found


def auto(plan: Plan, eps: float, seed: int = 0) -> Callable[..., Tensor]:
    """AutoAttack by its authors, as a function like `Attack`."""
    def run(logits: Callable[[Tensor], Tensor], images: Tensor, targets: Tensor,
            generator: torch.Generator | None = None) -> Tensor:
        import logging

        from pyautoattack import AutoAttack
        logging.getLogger('auto-attack').setLevel(logging.ERROR)
        with torch.no_grad():
            classes = logits(images[:1]).shape[1]
        names = ['apgd-ce', 'square'] if plan.autoattack == 'part' else [
            'apgd-ce', *(['apgd-t'] if classes >= _FEWEST_CLASSES else ['apgd-dlr'] * (classes > 2)), 'fab-t', 'square']
        attack = AutoAttack(_Module(logits), norm='Linf', eps=eps, version='custom', attacks=names, seed=seed,
                            device=images.device)
        attack.verbose = False
        attack.apgd.n_restarts = attack.fab.n_restarts = attack.apgd_targeted.n_restarts = 1
        attack.apgd_targeted.n_target_classes = attack.fab.n_target_classes = _targets(classes)
        attack.square.n_queries = plan.queries if plan.autoattack == 'part' else 5000
        with torch.enable_grad():
            found: Tensor = attack.run_standard_evaluation(images, targets, batch_size=len(images))[0]
        return found.detach()
    return run


class _Module(nn.Module):
    """A function as the module that AutoAttack takes."""

    def __init__(self, logits: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(images)


def broken(logits: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor, attacks: Sequence[tuple[str, Callable]],
           seed: int = 0) -> dict[str, Tensor]:
    """By attack, (N,) what is answered after it and all before it: of each image the first wrong answer, else the right
    one. Images that are broken, or were wrong from the start, are not attacked any more."""
    with torch.no_grad():
        answers = logits(images).argmax(dim=1)
    found = {}
    for name, attack in attacks:
        left = (answers == labels).nonzero().flatten()
        if len(left):
            generator = torch.Generator(images.device).manual_seed(seed)
            changed = attack(logits, images[left], labels[left], generator)
            answers = answers.clone()
            with torch.no_grad():
                answers[left] = logits(changed).argmax(dim=1)
        found[name] = answers
    return found


def signs(logits: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor) -> list[dict[str, Any]]:
    """Of each image what would show that gradients are masked, and that attacks by gradients mislead.

    ``right``: clean. ``zero``: the gradient of the loss is zero, as after a softmax that saturates. ``gradient``: L2
    norm of the gradient of the margin between the two best logits.
    ``fgsm``, ``pgd``: broken by FGSM and by PGD-10 alone; an iterated attack is to break more than one step. ``noise``:
    broken by the worst of 10 random signs; ``far``: broken by PGD-10 of radius 1, which can show any picture.
    """
    with torch.enable_grad():
        inputs = images.detach().requires_grad_()
        scores = logits(inputs)
        loss = nn.functional.cross_entropy(scores, labels, reduction='sum')
        slope, = torch.autograd.grad(loss, inputs, retain_graph=True)
        best = scores.topk(2, dim=1).values
        margin, = torch.autograd.grad((best[:, 0] - best[:, 1]).sum(), inputs)
    right = scores.argmax(dim=1) == labels
    generator = torch.Generator(images.device).manual_seed(0)
    alone = {name: right & (broken(logits, images, labels, [(name, attack)])[name] == labels)
             for name, attack in (('fgsm', Attack('fgsm', _SEEN)), ('pgd', Attack('pgd', _SEEN)),
                                  ('far', Attack('pgd', 1.)))}
    kept = right.clone()
    with torch.no_grad():
        for _ in range(10):
            noise = torch.empty_like(images).uniform_(-1, 1, generator=generator).sign() * _SEEN
            kept &= logits((images + noise).clamp(0, 1)).argmax(dim=1) == labels
    return [dict(right=bool(right[i]), zero=bool(slope[i].abs().max() == 0), gradient=float(margin[i].norm()),
                 noise=bool(right[i] & ~kept[i]), **{name: bool(right[i] & ~stays[i]) for name, stays in alone.items()})
            for i in range(len(images))]


def attacked(rows: Rows, run: Run, split: str, plan: Plan) -> list[dict[str, Any]]:
    """A shard of the images: ``image_id``, ``label``, ``answers`` (by radius and attack, ``clean`` among them), and
    ``signs``."""
    one = subject(run, split)
    images, labels = one.images(rows), one.labels(rows)
    answers = {'clean': one.predictions(images)}
    for name, _, _, attacks in cascade(plan):
        answers |= {f'{name} {attack}': found for attack, found in broken(one.logits, images, labels, attacks).items()}
    said = signs(one.logits, images, labels)
    return [dict(image_id=row['image_id'], label=row['gt_label'], signs=said[i],
                 answers={name: int(found[i]) for name, found in answers.items()}) for i, row in enumerate(rows)]
