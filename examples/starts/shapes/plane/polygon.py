"""A polygon, by its corners in turn."""

import kanpde

# --- The shape: edit it, or write your own (the page "shapes" of `kanpde docs`).
body = kanpde.Polygon([(0, 0), (1.5, 0), (2, 1), (0.5, 1.5)])
# --- The end of the shape.
