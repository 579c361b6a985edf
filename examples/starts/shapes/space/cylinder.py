"""A cylinder, which stands along z."""

import kanpde

# --- The shape: edit it, or write your own (the page "shapes" of `kanpde docs`).
body = kanpde.Cylinder(x=0, y=0, z=0, radius=1, height=2)
# --- The end of the shape.
