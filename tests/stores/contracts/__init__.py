"""The promises of a store by subject; `tests.stores.contract` puts them together."""
