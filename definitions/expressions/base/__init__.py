"""The ground that all expression languages share: bounds, namespaces, values, operators."""
