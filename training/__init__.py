"""How the models that veedor ships were made: from public digits to files under `src/veedor`."""
