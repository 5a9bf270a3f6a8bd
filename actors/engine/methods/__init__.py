"""The engine's public methods by subject. Each forwards to a part of the engine, and its docstring is the reference."""
