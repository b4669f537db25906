"""Pages for people: what a model is worth, in words, tables and pictures."""
