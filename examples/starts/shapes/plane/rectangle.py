"""A rectangle."""

import kanpde

# --- The shape: edit it, or write your own (the page "shapes" of `kanpde docs`).
body = kanpde.Rectangle(x=(0, 2), y=(0, 1))
# --- The end of the shape.
