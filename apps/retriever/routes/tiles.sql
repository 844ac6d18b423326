-- Served by the index of dates, so that asking for what is new reads only that.
select x, y, type
from tiles
where date > :since
