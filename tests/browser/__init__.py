"""The admin as people use it: the example project's site, a worker and a browser, all real."""
