"""How to speak to Swift: one store over one container, for many threads, with our own patience."""
