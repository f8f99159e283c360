"""The extinction law: A_band / A_V of the bands that this package uses."""

from __future__ import annotations

__all__ = ["A_H", "A_J", "A_KS"]

# Rieke & Lebofsky 1985, ApJ 288, 618, Table 3 (R_V = 3.09), at 1.25, 1.65 and 2.22 um. The Besancon model of
# 2003 itself prints 0.282, 0.176 and 0.108.
#: Extinction in 2MASS J per magnitude of A_V.
A_J = 0.282
#: Extinction in 2MASS H per magnitude of A_V.
A_H = 0.175
#: Extinction in 2MASS Ks per magnitude of A_V.
A_KS = 0.112
