"""Runnable studies; each file says its command, what to expect, on what hardware, in how long."""

import os

# XLA writes a page about CPU features for each program that it takes from a cache.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
