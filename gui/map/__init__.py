"""The board: a pure layout, the items that paint it, the view that shows it."""
