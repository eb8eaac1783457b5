"""On another device of a process a training has the same bits, and its program the same name.

In a process of its own: more devices are forced before JAX starts.
"""

import os
import subprocess
import sys

from jaxmeta import keys

DEVICES = "--xla_force_host_platform_device_count=2"


def main() -> None:
    import jax
    import jax.numpy as jnp
    import numpy as np

    from jaxmeta import trainable
    from jaxmeta.training import Program, Training, train

    for data in ((), np.ones(4, np.float32)):
        made = trainable(
            "walk",
            lambda key, values, train: jax.random.normal(key, (3,)),
            lambda key, n, values, state, train: (
                state * values["x"] + sum(leaf.sum() for leaf in jax.tree.leaves(train)),
                jnp.float32(0),
            ),
            lambda key, values, state, held_out: state.sum(),
            axes={"x": None},
            train=data,
            held_out={"validation": (), "test": data},
        )
        for device in (None, *jax.devices()):
            program = Program(made, Training(2, 2), traced=["x"], device=device)
            result, at = train(program, keys.root(0), {"x": 0.5})
            tested = program.score("test", keys.root(0), {"x": 0.5}, at)
            where = [d.id for d in at.state.devices()]
            print("case", where[0], result.digests[-1], *program.digests().values(), tested)


def test_another_device_is_another_place_and_nothing_else():
    environment = {**os.environ, "XLA_FLAGS": DEVICES}
    printed = subprocess.check_output([sys.executable, __file__], text=True, env=environment)
    cases = [line.split()[1:] for line in printed.splitlines() if line.startswith("case")]
    assert [case[0] for case in cases] == ["0", "0", "1"] * 2
    for three in (cases[:3], cases[3:]):
        assert three[0][1:] == three[1][1:] == three[2][1:]


if __name__ == "__main__":
    main()
