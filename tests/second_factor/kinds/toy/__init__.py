"""A kind that nobody needs: it shows that one more kind changes no file of `app/`."""
