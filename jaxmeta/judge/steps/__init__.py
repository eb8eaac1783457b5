"""Tuners judged by training steps, on learning curves: what it brings to stop trainings early."""
