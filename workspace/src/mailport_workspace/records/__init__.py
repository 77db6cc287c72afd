"""Records: what mail becomes. ``interface.py`` is what any ticket system implements."""
