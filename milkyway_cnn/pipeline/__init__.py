"""The chapters in order: parameters, one notebook, one run folder, its report."""
