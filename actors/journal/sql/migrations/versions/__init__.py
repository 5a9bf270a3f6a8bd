"""Each file makes one version of the tables out of the one before."""
