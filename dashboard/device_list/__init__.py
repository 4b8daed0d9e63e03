"""The device list: what its URL shows, its columns and its saved views.

`state.DeviceListState` reads a URL and builds others from it; `columns.chosen_columns` gives the
columns of a user; `saved_views` stores named views.
"""
