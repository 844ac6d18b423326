-- Each person's first and last, by the index on who and when: no scan of all.
select min(told.first) as first, max(told.last) as last
from (
  select
    (select min(locations.creation_time) from locations where locations.person_id = persons.id and locations.creation_time <= :until) as first,
    (select max(locations.creation_time) from locations where locations.person_id = persons.id and locations.creation_time <= :until) as last
  from persons
) as told
