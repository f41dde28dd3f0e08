"""A process pool: seats in the process that enqueues, each with a child that runs its jobs."""
