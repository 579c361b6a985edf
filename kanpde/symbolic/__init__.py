"""From a KAN to a formula: networks with products, suggestions for edges, snapping, pictures."""
