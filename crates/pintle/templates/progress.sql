-- GET /progress: of the notes that the caller may read.
SELECT count(*) AS total, count(*) FILTER (WHERE done) AS done FROM notes
