"""jaxmeta's tuners inside other tools."""
