-- Whom one person was near on one day: the best single statement that we wrote by hand, with the best index that it has. The benchmark holds
-- Pintle's answers against its answers, and its time against this one's.
CREATE SCHEMA by_hand;
CREATE TABLE by_hand.locations AS
  SELECT id, person_id, longitude, latitude, creation_time, ST_MakePoint(longitude, latitude)::geography AS position
  FROM locations;
ALTER TABLE by_hand.locations ADD PRIMARY KEY (id);
CREATE INDEX ON by_hand.locations (person_id, creation_time);
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE INDEX ON by_hand.locations USING gist (position, creation_time);
VACUUM ANALYZE by_hand.locations;
-- The statement: $1 is the person, $2 the day's begin, $3 its end, $4 the metres.
SELECT near.id::text, near.longitude, near.latitude, near.creation_time, near.person_id,
  persons.first_name, persons.last_name, persons.company_name
FROM (
  SELECT DISTINCT other.id, other.person_id, other.longitude, other.latitude, other.creation_time
  FROM by_hand.locations AS mine
  JOIN by_hand.locations AS other
    ON ST_DWithin(other.position, mine.position, $4)
    AND other.creation_time >= $2 AND other.creation_time < $3
    AND other.person_id <> $1
  WHERE mine.person_id = $1 AND mine.creation_time >= $2 AND mine.creation_time < $3
) AS near
JOIN persons ON persons.id = near.person_id
ORDER BY near.creation_time, near.id
