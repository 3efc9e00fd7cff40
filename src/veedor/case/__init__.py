"""What an audit is given: the case file, the canonical tables, the catalogue of public cases."""
