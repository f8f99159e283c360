"""What a survey sees: bands, errors, completeness, and the catalogs that it publishes."""
