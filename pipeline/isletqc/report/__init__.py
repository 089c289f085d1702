"""Verdict -> files: what a run leaves behind for people, spreadsheets and other programs.

Takes the records of one run, gives files; measures and judges nothing itself.

One picture (``isletqc.report.picture``), into a folder of its own:

- ``write_picture(folder, *, image, regions, picture, key)`` writes ``labels.ome.tif``,
  ``classes.ome.tif``, ``overlay.jpg`` and, last of all, ``result.json``;
- ``read_key(folder)`` gives the key of a finished picture, ``None`` where there is none;
- ``read_picture(folder)`` gives the ``Picture`` back, bit for bit.

One run (``isletqc.report.run``), into the output folder:

- ``write_run(out, *, results)`` with ``results: isletqc.report.results.RunResults`` writes
  ``objects.csv``, ``images.csv``, ``lots.csv``, ``junit.xml``, ``provenance.json``,
  ``report.html`` and, last of all, ``results.json``.

Every file is written to a temporary name in the same folder and renamed, so that a reader never
meets half a file. Times stand in ``provenance.json`` and ``report.html`` only: the same pictures
give the same CSV files, byte for byte.
"""
