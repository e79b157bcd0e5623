"""Shapes on the earth: points, lines and polygons, whose edges are geodesics of a sphere, and distances on an ellipsoid.

| module      | what is in it                                                                              |
|-------------|--------------------------------------------------------------------------------------------|
| `vectors`   | points of the unit sphere: orientation of three, crossing of two edges, the nearest on one   |
| `shapes`    | `Point`, `Line` and `Polygon`, and what can be asked of one of them and a point              |
| `geojson`   | GeoJSON to shapes, with every error that GeoJSON can have                                    |
| `relations` | whether two shapes intersect, whether one includes another                                  |
| `ellipsoid` | distances in metres and other units, circles                                                |
| `cells`     | the cells of the sphere's grid that cover a shape, for indexes                              |

Whether three points are on a line is decided exactly, so that edges that touch or overlap are treated the same way
every time. `s2geometry` does what is asked of whole polygons and the grid, `geographiclib` the geodesics of the
ellipsoid; both are loaded when they are first needed.
"""
