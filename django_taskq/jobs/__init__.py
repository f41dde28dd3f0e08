"""What a job is, as plain values and pure functions: no ORM, no I/O, `now` is an argument."""
