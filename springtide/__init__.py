"""Springtide's library: everything that needs no Prefect."""
