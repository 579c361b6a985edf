"""An L: its inner corner makes most solutions singular."""

import kanpde

# --- The shape: edit it, or write your own (the page "shapes" of `kanpde docs`).
body = kanpde.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
# --- The end of the shape.
