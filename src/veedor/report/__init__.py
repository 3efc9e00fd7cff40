"""The report: one offline page, and the figures, made from an audit folder and nothing else."""
