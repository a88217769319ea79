"""How figures are shown: pages and pictures that need no script and no network."""
