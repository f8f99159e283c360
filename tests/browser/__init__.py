"""The environment in a browser; a package, so that the browser is gone before the tests of other folders begin."""
