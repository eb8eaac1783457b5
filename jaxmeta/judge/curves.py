"""Made-up response curves, smooth where tables have corners, and with a cliff of divergence.

With x = log10 λ, σ the logistic function, and t the part of the training that has run,

    v(x, t) = floor + (top - floor) σ((x + log10 t - left) / w_left) σ((right - x) / w_right)

rises where learning is too slow, is flat between `left` and `right`, and falls where it is too
fast; what counts at the slow end is λ t, so a learning curve rises later for a smaller rate. A
column is v, moved sideways and up by its seed, with noise that no two trainings share; above its
cliff it diverges. The truth is v itself, and `floor` above the cliff.
"""

import numpy as np

from jaxmeta.judge.landscape import Landscape

NODES = 121  # of x from -5 to 0
COLUMNS = 16
DIVERGED = -1.0  # no accuracy is negative


def landscape(slices: int, seed: int, part: float = 1.0) -> Landscape:
    """`slices` curves drawn by `seed`, each after `part` in (0, 1] of its training.

    Another `part` gives the same curves, seeds and noise at another time.
    """
    draw = np.random.default_rng(seed)

    def uniform(low: float, high: float) -> np.ndarray:
        return draw.uniform(low, high, (slices, 1, 1))

    x = np.linspace(-5, 0, NODES)[:, None]
    floor, top = uniform(0.1, 0.5), uniform(0.6, 0.99)
    left, plateau = uniform(-4.5, -2), uniform(0.3, 2)
    w_left, w_right = uniform(0.1, 0.6), uniform(0.05, 0.4)
    right = np.minimum(left + 2 * w_left + plateau + w_right, -0.3)
    cliff = right + uniform(0.5, 6) * w_right
    noise = 10 ** uniform(-3, -1.7)
    sideways = draw.normal(0, 0.1, (slices, 1, COLUMNS))
    up = draw.normal(0, 1, (slices, 1, COLUMNS))
    own = draw.normal(0, 1, (slices, NODES, COLUMNS))

    def curve(x: np.ndarray) -> np.ndarray:
        rise = _logistic((x + np.log10(part) - left) / w_left)
        return floor + (top - floor) * rise * _logistic((right - x) / w_right)

    value = np.maximum(curve(x + sideways) + noise * (up + own) / np.sqrt(2), 0)
    value[x + sideways + np.zeros_like(value) > cliff] = DIVERGED
    mean = np.where(x > cliff, floor, curve(x))[..., 0]
    return Landscape(
        "curves", "curves", 10 ** x[:, 0], value, mean, lambda v: 100 * v, DIVERGED / 2
    )


def _logistic(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(x / 2))
