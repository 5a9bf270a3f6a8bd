"""Files of items: lines, JSON lines, CSV rows, read a bounded piece at a time, from where the last piece ended.

(kind, path, start, line) --read_items--> Piece(items, where the next one starts, whether there is one)

Nothing is kept between two pieces, so that reading goes on after a crash from what the journal has of the last one.
"""

from stretto.actors.sources.pieces import BOUNDS, Bounds, Piece, read_items
from stretto.actors.sources.text_lines import MAX_LINE_BYTES, UnreadableSource

__all__ = ["BOUNDS", "MAX_LINE_BYTES", "Bounds", "Piece", "UnreadableSource", "read_items"]
