"""The map beside what is known otherwise: a truth, a color-excess map."""
