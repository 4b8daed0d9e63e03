"""The pages. A view is a guard, a form, one call and one render."""
