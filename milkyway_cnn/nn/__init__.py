"""A small neural network framework on Numba and BLAS; it knows no astronomy."""
