"""An ellipse."""

import kanpde

# --- The shape: edit it, or write your own (the page "shapes" of `kanpde docs`).
body = kanpde.Ellipse(x=0, y=0, radii=(1.5, 1))
# --- The end of the shape.
