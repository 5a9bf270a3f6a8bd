"""The common base of all expression languages: bounds, namespaces, values and operators."""
