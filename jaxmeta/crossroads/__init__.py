"""The crossroads that `jaxmeta tune crossroads` learns from: scenes, a camera, and the data's file.

`python -m jaxmeta.crossroads` makes the data that come with the package again. It needs MuJoCo
(`pip install 'jaxmeta[drive]'`); nothing else in jaxmeta imports this room.
"""
