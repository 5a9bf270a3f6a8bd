"""Generated workflows with the results of Orquesta itself."""
