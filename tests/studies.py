"""Small studies for the tests, each of a second or two."""

from jaxmeta import Study, Training, tasks, tuning
from jaxmeta.space import Choice, Linear, Log, Space, Values
from jaxmeta.study import space_of

LOGARITHMIC = Space(learning_rate=Log(1e-6, 1.0, 1.0, start=1e-3))
# A lattice of each kind, a list and a set of choices; with spirals four variants, each a program
# that is compiled: the tests that need no other number of epochs have the same few.
FOUR = Space(
    learning_rate=Log(1e-4, 1.0, 1.0, start=1e-2),
    batch_size=Values(16, 50),
    optimizer=Choice("adam", "sgd"),
    dropout=Linear(0.0, 0.4, 0.1),
)


def study(
    task="spirals",
    tuner=None,
    preset="logarithmic",
    space=None,
    epochs=2,
    patience=3,
    options=None,
    **more,
) -> Study:
    """A study of `task` by the tuner called `tuner`; `options` are the tuner's, `more` Study's."""
    made = tasks.make(task) if isinstance(task, str) else task
    preset = preset if tuner in (None, "poster") else None
    space = space or space_of(made, {}, preset)
    options = {"i_max": 4} | (options or {})
    if tuner == "grid":
        del options["i_max"]
    return Study(
        made, tuning.make(tuner, preset, space, **options), Training(epochs, patience), **more
    )
