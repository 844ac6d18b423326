-- The hexes within n steps: (|dx| + |dy| + |dx + dy|) / 2 <= n. Each dx leaves a range of y, which the key (x, y) finds: no more rows
-- are visited than are answered.
select tiles.x, tiles.y, tiles.type
from generate_series(-:n, :n) as columns(dx)
join tiles
  on tiles.x = :x + columns.dx
  and tiles.y between :y + greatest(-:n, -:n - columns.dx) and :y + least(:n, :n - columns.dx)
