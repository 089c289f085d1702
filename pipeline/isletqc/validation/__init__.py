"""Method validation: precision, linearity, agreement and gage studies.

Takes CSV files of repeated or paired measurements, or the results of finished runs; gives one
``Study`` a question, and its ``validation.html`` and ``validation.json``.
"""
