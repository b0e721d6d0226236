"""itkwidgets beside the desk's own volume rendering: a desk page of its own, in an environment of its own. Not for diagnosis."""
