"""A block with a round cavity inside."""

import kanpde

# --- The shape: edit it, or write your own (the page "shapes" of `kanpde docs`).
block = kanpde.Cuboid(x=(0, 2), y=(0, 1), z=(0, 1))
cavity = kanpde.Ball(x=1.3, y=0.5, z=0.5, radius=0.25)
body = block - cavity
# --- The end of the shape.
