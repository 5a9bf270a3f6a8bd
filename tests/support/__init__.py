"""Whatever several tests need: engines, stores, recorded runs, real servers."""
