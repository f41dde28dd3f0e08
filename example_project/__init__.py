"""A document desk with several tenants: the example project of django_taskq."""
