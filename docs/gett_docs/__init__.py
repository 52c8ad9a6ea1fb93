"""What the documentation does not say by hand: tables, examples and the diagram, made from the code."""
