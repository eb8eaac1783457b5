"""Whether a training keeps its form: the same structure, shapes and dtypes from epoch to epoch."""

from typing import Any

import jax


def same_form(before: Any, after: Any) -> Any:
    """`after`, where it has the form of `before`.

    Raises:
      ValueError: it has another, and where.
    """
    old, new = (
        {
            jax.tree_util.keystr(path): f"{x.dtype}{list(x.shape)}"
            for path, x in jax.tree_util.tree_flatten_with_path(tree)[0]
        }
        for tree in (before, after)
    )
    for place in [*old, *new]:
        if old.get(place) != new.get(place):
            raise ValueError(
                "an epoch must leave the state in the form that it found, and changes "
                f"state{place} from {old.get(place, 'nothing')} to {new.get(place, 'nothing')}; "
                "give it the same shape and dtype, by astype for example"
            )
    if jax.tree.structure(before) != jax.tree.structure(after):
        raise ValueError(
            "an epoch must leave the state in the form that it found, and changes its containers "
            f"from {jax.tree.structure(before)} to {jax.tree.structure(after)}; use the same ones"
        )
    return after
