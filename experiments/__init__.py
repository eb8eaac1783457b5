"""Runnable studies; each file says its command, what to expect, on what hardware, in how long."""
