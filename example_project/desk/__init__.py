"""The desk: customers hand in documents, jobs read them."""
