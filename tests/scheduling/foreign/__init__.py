"""Apps with the tables of other packages, as far as their schedules are in them."""
