"""Speed and memory, measured on the reader's own machine: ``python -m benchmarks.network``."""
