"""A task whose trainings take a time that is given and no processor, for measuring what is around
them: experiments.sleeper:sleeper, or for_seconds in Python."""

import time

import jax
import jax.numpy as jnp
import numpy as np

import jaxmeta

SPACE = jaxmeta.Space(rate=jaxmeta.Log(1e-4, 1.0, 0.1, start=1e-2))


def for_seconds(seconds: float):
    """A task of one epoch that sleeps, and then draws a score."""

    def nap(x):
        time.sleep(seconds)
        return np.zeros_like(x)

    def train(key, values):
        zero = jax.pure_callback(nap, jax.ShapeDtypeStruct((), jnp.float32), values["rate"])
        return jax.random.uniform(key) + zero

    return jaxmeta.objective(train, SPACE, f"sleep {seconds:g} s")


def sleeper():
    """A second each."""
    return for_seconds(1.0)
