"""Numba kernels, one module a concept: numbers in, numbers out, no astronomy."""
