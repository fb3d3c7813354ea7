"""How a row's features arrange the images: PCA and t-SNE, and two numbers that say how far to believe the picture.

Nothing can be concluded from distances, sizes and gaps in a t-SNE picture (Wattenberg et al. 2016, "How to use t-SNE
effectively"). So beside it stand the share of nearest neighbours of the same class, in the features themselves, and
trustworthiness: the share of neighbours in the picture that are neighbours in the features (Venna and Kaski 2001).
"""
from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

NEIGHBOURS = 10
MOST = 3000  # images that t-SNE is drawn of: about half a minute


def features(network: nn.Module, forward: Any, pixels: Tensor) -> Tensor:
    """(N, D): what the last linear layer that is called sees, at unit length; of a network without one, the logits."""
    kept: list[Tensor] = []
    handles = [module.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
               for module in network.modules() if isinstance(module, nn.Linear)]
    try:
        with torch.no_grad():
            logits = forward(pixels)
    finally:
        for handle in handles:
            handle.remove()
    found = (kept[-1] if kept else logits).flatten(1).float()
    return nn.functional.normalize(found, dim=1)


def arranged(values: NDArray[np.float32], labels: NDArray[np.int64], seed: int = 0) -> dict[str, Any]:
    """PCA, t-SNE and their numbers.

    Args:
        values: (N, D) at unit length, N at least 5.
    Returns:
        ``tsne`` and ``pca`` (N, 2), ``perplexity``, ``explained`` (of the two components), ``trustworthiness`` of both,
        ``purity``: the mean share of the k nearest neighbours in the features that have the image's class, with
        ``purity_images`` (N,) and ``purity_chance``, and ``k``.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE, trustworthiness
    from sklearn.neighbors import NearestNeighbors

    count = len(values)
    k = min(NEIGHBOURS, (count - 1) // 2)
    pca = PCA(2, random_state=seed).fit(values)
    perplexity = float(min(30, max((count - 1) / 3, 1)))
    drawn = dict(pca=pca.transform(values), tsne=TSNE(2, perplexity=perplexity, init='pca', random_state=seed,
                                                     n_jobs=1).fit_transform(values))
    nearest = NearestNeighbors(n_neighbors=k + 1).fit(values).kneighbors(return_distance=False, n_neighbors=k)
    same = (labels[nearest] == labels[:, None]).mean(axis=1)
    sizes = np.bincount(labels)[labels]
    return dict(**{name: np.round(places, 4).tolist() for name, places in drawn.items()}, perplexity=perplexity, k=k,
                explained=[float(share) for share in pca.explained_variance_ratio_],
                trustworthiness={name: float(trustworthiness(values, places, n_neighbors=k))
                                 for name, places in drawn.items()},
                purity=float(same.mean()), purity_images=same.tolist(),
                purity_chance=float(((sizes - 1) / (count - 1)).mean()))
