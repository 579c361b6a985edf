"""A cuboid."""

import kanpde

# --- The shape: edit it, or write your own (the page "shapes" of `kanpde docs`).
body = kanpde.Cuboid(x=(0, 1), y=(0, 1), z=(0, 2))
# --- The end of the shape.
