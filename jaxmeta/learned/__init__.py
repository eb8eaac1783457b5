"""A learned optimiser: an LSTM that makes the steps of gradient descent, and how it is trained."""
