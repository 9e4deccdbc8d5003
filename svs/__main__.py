"""`python -m svs` is `svs`."""

from svs.cli import main

main()
