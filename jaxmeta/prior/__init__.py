"""Priors: what records of earlier studies tell of a new one."""

from jaxmeta.prior.prior import Prior, Task, Trained, shares

__all__ = ["Prior", "Task", "Trained", "shares"]
