"""Tables and pictures of a study, from its record alone."""
