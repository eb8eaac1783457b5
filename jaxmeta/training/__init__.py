"""The training program: the compiled loop over any trainable."""

from jaxmeta.length import Training
from jaxmeta.training.data import Data
from jaxmeta.training.functions import objective, trainable
from jaxmeta.training.lanes import Lanes, lanes_here
from jaxmeta.training.program import Program
from jaxmeta.training.progress import Progress
from jaxmeta.training.protocol import Trainable
from jaxmeta.training.stack import Stack, train
from jaxmeta.training.variants import Programs, Variant, admit, variant

__all__ = [
    "Data",
    "Lanes",
    "Program",
    "Programs",
    "Progress",
    "Stack",
    "Trainable",
    "Training",
    "Variant",
    "admit",
    "lanes_here",
    "objective",
    "train",
    "trainable",
    "variant",
]
