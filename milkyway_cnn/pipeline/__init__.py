"""The chapters in order, headless: parameters, the run folder, its stages and its report."""
