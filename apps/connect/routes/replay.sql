-- On SQLite each person's places in turn, by the index on who and when; on PostgreSQL by the one on when, since it would look through all of
-- that of space and time. So it costs what it answers, however many days there are. It is a cross join since SQLite keeps its order: else it
-- goes through all locations.
select locations.person_id, locations.longitude, locations.latitude, locations.creation_time
from persons
cross join locations
where locations.person_id = persons.id
  and locations.creation_time >= :from
  and locations.creation_time < :to
order by locations.creation_time, locations.person_id
limit 20000
