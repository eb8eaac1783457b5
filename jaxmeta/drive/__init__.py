"""The proof by driving: a 1:10 car with a front camera on closed tracks, simulated in MuJoCo.

Nothing else of jaxmeta imports this room, and training needs none of it: its frames and angles come
with the package (`jaxmeta.tasks.steering`).
"""

import importlib.util

for _package, _name in (("mujoco", "mujoco-core"), ("gymnasium", "gymnasium"), ("PIL", "pillow")):
    if importlib.util.find_spec(_package) is None:
        raise ModuleNotFoundError(
            f"driving needs {_name}, and it is not installed: pip install 'jaxmeta[drive]'"
        )
