"""Generated parts of the documentation: tables, examples and the diagram, made from the code."""
