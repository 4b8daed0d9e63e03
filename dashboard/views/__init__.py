"""The pages: each view is a guard, a form, one call and one render."""
