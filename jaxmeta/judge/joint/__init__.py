"""Tuners on several axes, judged on complete tables of trainings."""
