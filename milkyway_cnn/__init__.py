"""From star catalogs to a 3D map of the Milky Way's dust, by convolutional neural networks.

The modules, in the order in which the data flow:

`sightlines`, `surveys`
    cells on the sky and along distance; what a survey sees, and its catalogs
`galaxy`, `extinction`
    stars without dust; dust without stars
`diagrams`, `samples`
    both together, as color-magnitude images with the profile that made them
`nn`, `profile_network`, `training`
    the network and how it learns
`prediction`, `cube`, `maps`, `comparison`
    real diagrams in, a 3D map out, beside the truth or the work of others
`validation`, `pipeline`, `cli`
    a sky with known dust; the notebooks in order; the command line

Importing the package imports none of them and nothing third-party.
"""

__version__ = "0.1.0"
