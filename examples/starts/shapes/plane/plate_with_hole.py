"""A plate with a hole."""

import kanpde

# --- The shape: edit it, or write your own (the page "shapes" of `kanpde docs`).
plate = kanpde.Rectangle(x=(0, 2), y=(0, 1))
hole = kanpde.Disk(x=1.3, y=0.5, radius=0.25)
body = plate - hole
# --- The end of the shape.
