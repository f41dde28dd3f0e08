"""The form of a schedule: what people type, checked by the same rules as everywhere."""
