"""Who may call: tokens of programs, signed-in browsers, limits on strangers."""
