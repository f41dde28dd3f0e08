"""The supervisor of `runworker`, its children, and the errands it sends."""
