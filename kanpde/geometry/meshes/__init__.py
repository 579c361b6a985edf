"""Domains from files: meshes of cells, and closed surfaces."""
