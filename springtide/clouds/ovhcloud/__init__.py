"""How to speak to the provider: OVHcloud's own API, by its client."""
