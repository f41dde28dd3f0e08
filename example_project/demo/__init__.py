"""The demonstration: thousands of real files, several tenants, a real worker."""
