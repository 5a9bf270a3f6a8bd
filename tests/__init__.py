"""The tests of Stretto; each folder mirrors a room of the product."""
