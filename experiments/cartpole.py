"""A training that is no supervised one: policy gradient on CartPole, both written in JAX.

    python -m experiments.cartpole
    jaxmeta tune experiments.cartpole:cartpole --tune learning_rate

A pole stands on a cart that is pushed left or right fifty times a second (Barto, Sutton and
Anderson, "Neuronlike adaptive elements that can solve difficult learning control problems", 1983;
numbers as in Gym's CartPole-v0). An episode ends when the pole leans by more than 12 degrees, the
cart leaves its track, or after 200 steps. The policy, one hidden layer, learns by REINFORCE
(Williams, 1992): ten batches of episodes an epoch, returns to go less their mean over the batch.
The score is the mean number of steps in 64 new episodes with the likelier of the two pushes; 200 is
the best. Run by itself, it trains once and prints the score after each epoch.
"""

import jax
import jax.numpy as jnp

import jaxmeta
from jaxmeta import keys
from jaxmeta.score import to_float
from jaxmeta.supervised.optimizers import adam

STEPS, UPDATES, TRIALS = 200, 10, 64


def push(state, right):
    """The state 0.02 seconds later: position, speed, angle and its speed, float32[4]."""
    x, speed, angle, turning = state
    force = jnp.where(right, 10.0, -10.0)
    pull = (force + 0.05 * turning**2 * jnp.sin(angle)) / 1.1
    turn = (9.8 * jnp.sin(angle) - jnp.cos(angle) * pull) / (
        0.5 * (4 / 3 - 0.1 * jnp.cos(angle) ** 2 / 1.1)
    )
    drive = pull - 0.05 * turn * jnp.cos(angle) / 1.1
    return state + 0.02 * jnp.stack([speed, drive, turning, turn])


def episode(key, params, greedy):
    """What is seen, float32[STEPS, 4], what is done, bool[STEPS], and whether it still stood."""

    def step(carry, noise):
        state, stands = carry
        right, left = logits(params, state)
        action = right - left + noise > 0
        after = push(state, action)
        upright = (jnp.abs(after[0]) < 2.4) & (jnp.abs(after[2]) < 12 * jnp.pi / 180)
        return (after, stands & upright), (state, action, stands)

    first = jax.random.uniform(keys.derive(key, "start"), (4,), minval=-0.05, maxval=0.05)
    noise = jnp.zeros(STEPS) if greedy else jax.random.logistic(keys.derive(key, "noise"), (STEPS,))
    return jax.lax.scan(step, (first, jnp.bool_(True)), noise)[1]


def logits(params, state):
    hidden = jnp.tanh(state @ params["in"])
    return hidden @ params["out"]


def policy_loss(params, seen, done, stood, discount):
    def back(later, stands):
        now = stands + discount * later
        return now, now

    _, returns = jax.lax.scan(
        back, jnp.zeros(len(stood)), stood.T.astype(jnp.float32), reverse=True
    )
    mean = (returns * stood.T).sum(axis=1) / jnp.maximum(stood.sum(axis=0), 1)
    better = ((returns.T - mean[None, :]) * stood) / STEPS
    said = jax.nn.log_softmax(logits(params, seen))
    chosen = jnp.where(done, said[..., 0], said[..., 1])
    return -(chosen * better).sum() / stood.sum()


def begin(key, values, train):
    del train
    width = values["width"]
    params = {
        "in": jax.random.normal(keys.derive(key, "in"), (4, width)) * 0.5,
        "out": jnp.zeros((width, 2)),
    }
    return params, adam(values["learning_rate"]).init(params)


def epoch(key, n, values, state, train):
    del train
    optimizer = adam(values["learning_rate"])

    def update(state, t):
        params, moments = state
        of_batch = jax.random.split(keys.derive(key, "episodes", n, t), values["episodes"])
        batch = jax.vmap(episode, (0, None, None))(of_batch, params, False)
        loss, gradient = jax.value_and_grad(policy_loss)(params, *batch, values["discount"])
        updates, moments = optimizer.update(gradient, moments, params)
        return (jax.tree.map(jnp.add, params, updates), moments), loss

    state, losses = jax.lax.scan(update, state, jnp.arange(UPDATES))
    return state, losses[-1]


def score(key, values, state, held_out):
    del values, held_out
    _, _, stood = jax.vmap(episode, (0, None, None))(jax.random.split(key, TRIALS), state[0], True)
    return stood.sum(dtype=jnp.int32).astype(jnp.float32) / TRIALS


def cartpole():
    return jaxmeta.trainable(
        "experiments.cartpole:cartpole",
        begin,
        epoch,
        score,
        axes={
            "learning_rate": jaxmeta.Log(1e-4, 1.0),
            "discount": jaxmeta.Values(0.9, 0.95, 0.98, 0.99, 1.0, start=0.98),
            "episodes": jaxmeta.Values(4, 8, 16, 32, start=16),
            "width": jaxmeta.Values(4, 8, 16, 32, start=16),
        },
        defaults={"learning_rate": 0.01, "discount": 0.98, "episodes": 16, "width": 16},
        held_out={"validation": (), "test": ()},
        meaning=f"mean steps upright, of {STEPS}",
        weights=lambda state: state[0],
        training=jaxmeta.Training(epochs=10, patience=10),
    )


def main() -> None:
    from jaxmeta.training import Program, train

    program = Program(cartpole(), jaxmeta.Training(10, 10), traced=["learning_rate"])
    result, _ = train(program, keys.training(keys.root(0), 0, 0), {"learning_rate": 0.01})
    for n, points in enumerate(result.curve, start=1):
        print(f"epoch {n:2}: {to_float(points):.1f} of {STEPS} steps upright")


if __name__ == "__main__":
    main()
