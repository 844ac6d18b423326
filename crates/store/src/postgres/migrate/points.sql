-- What stands in for PostGIS where there is none: the types and functions that statements name, of the same names and
-- with the same answers. `@schema@` stands for the schema. All may be run again.
--
-- A point is a pair of numbers. Functions of one line are put into the statements that call them, so that an index over
-- `_pintle_xy` serves them.

DO $$
BEGIN
  IF to_regnamespace('@schema@') IS NULL THEN
    CREATE SCHEMA @schema@;
    GRANT USAGE ON SCHEMA @schema@ TO PUBLIC;
  END IF;
  IF to_regtype('@schema@._pintle_place') IS NULL THEN
    CREATE TYPE @schema@._pintle_place AS (longitude double precision, latitude double precision);
    CREATE DOMAIN @schema@.geography AS @schema@._pintle_place;
    CREATE DOMAIN @schema@.geometry AS @schema@._pintle_place;
  END IF;
END $$;

CREATE OR REPLACE FUNCTION @schema@.st_makepoint(float8, float8) RETURNS @schema@._pintle_place
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1
RETURN CASE WHEN $1 IS NOT NULL AND $2 IS NOT NULL THEN ROW($1, $2)::@schema@._pintle_place END;

CREATE OR REPLACE FUNCTION @schema@.st_x(@schema@._pintle_place) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1
RETURN ($1).longitude;

CREATE OR REPLACE FUNCTION @schema@.st_y(@schema@._pintle_place) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1
RETURN ($1).latitude;

-- What the index of space is over.
CREATE OR REPLACE FUNCTION @schema@._pintle_xy(@schema@._pintle_place) RETURNS point LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1
RETURN point(($1).longitude, ($1).latitude);

-- The eight bytes from `at` on, the least first, as a number.
CREATE OR REPLACE FUNCTION @schema@._pintle_double(bytes bytea, at int) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  head int := (get_byte(bytes, at + 7) << 8) + get_byte(bytes, at + 6);
  part int8 := ((head & 15)::int8 << 48) + (get_byte(bytes, at + 5)::int8 << 40) + (get_byte(bytes, at + 4)::int8 << 32)
    + (get_byte(bytes, at + 3)::int8 << 24) + (get_byte(bytes, at + 2) << 16) + (get_byte(bytes, at + 1) << 8) + get_byte(bytes, at);
  size int := (head >> 4) & 2047;
  sign float8 := 1 - (head >> 15) * 2;
BEGIN
  IF size = 0 THEN
    RETURN sign * part * power(2::float8, -1074);
  END IF;
  RETURN sign * (part + (1::int8 << 52)) * power(2::float8, size - 1075);
END $$;

-- A point as statements bring it: well-known binary, whose numbers begin behind nine bytes.
CREATE OR REPLACE FUNCTION @schema@._pintle_place(bytea) RETURNS @schema@._pintle_place
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1 AS $$
BEGIN
  RETURN ROW(@schema@._pintle_double($1, 9), @schema@._pintle_double($1, 17));
END $$;

-- And back: statements take it out of a row so.
CREATE OR REPLACE FUNCTION @schema@._pintle_bytes(@schema@._pintle_place) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT '\x0101000020e6100000'::bytea || string_agg(substring(float8send(number.value) FROM byte.at FOR 1), '' ORDER BY number.at, byte.at DESC)
  FROM unnest(ARRAY[($1).longitude, ($1).latitude]) WITH ORDINALITY AS number (value, at) CROSS JOIN generate_series(1, 8) AS byte (at)
$$;

-- The box, in degrees, around what is so near; the part of it that lies beyond the 180th meridian is another one.
CREATE OR REPLACE FUNCTION @schema@._pintle_around(at @schema@._pintle_place, metres float8, beyond boolean) RETURNS box
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1 AS $$
DECLARE
  -- No meridian is more bent than at the equator, and no parallel on the way smaller than the one furthest off.
  high float8 := degrees(greatest(metres, 1e-9) / 6335439) + 1e-7;
  wide float8 := 360;
  nowhere CONSTANT box := box(point(1000, 1000), point(1000, 1000));
  west float8;
  east float8;
BEGIN
  IF abs(at.latitude) + high < 89.999999 THEN
    wide := degrees(greatest(metres, 1e-9) / (6378137 * cos(radians(abs(at.latitude) + high)))) + 1e-7;
  END IF;
  west := CASE WHEN wide < 180 THEN at.longitude - wide ELSE -180 END;
  east := CASE WHEN wide < 180 THEN at.longitude + wide ELSE 180 END;
  IF beyond THEN
    IF wide < 180 AND west <= -180 THEN
      west := west + 360;
      east := 180;
    ELSIF wide < 180 AND east >= 180 THEN
      west := -180;
      east := east - 360;
    ELSE
      RETURN nowhere;
    END IF;
  END IF;
  RETURN box(point(west, at.latitude - high), point(east, at.latitude + high));
END $$;

-- Whether the one may be so near the other: statements measure what is found.
CREATE OR REPLACE FUNCTION @schema@.st_dwithin(@schema@._pintle_place, @schema@._pintle_place, float8) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1
RETURN @schema@._pintle_xy($1) <@ @schema@._pintle_around($2, $3, false) OR @schema@._pintle_xy($1) <@ @schema@._pintle_around($2, $3, true);

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_cast WHERE castsource = 'bytea'::regtype AND casttarget = '@schema@._pintle_place'::regtype) THEN
    CREATE CAST (bytea AS @schema@._pintle_place) WITH FUNCTION @schema@._pintle_place(bytea);
    CREATE CAST (@schema@._pintle_place AS bytea) WITH FUNCTION @schema@._pintle_bytes(@schema@._pintle_place);
  END IF;
END $$;

-- A GeoJSON Polygon or MultiPolygon as its edges, six numbers each: of which polygon, of which of its rings, from where, to where.
CREATE OR REPLACE FUNCTION @schema@.st_geomfromgeojson(shape text) RETURNS float8[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT array_agg(number.value ORDER BY polygon.at, ring.at, corner.at, number.at)
  FROM jsonb_array_elements(CASE shape::jsonb ->> 'type' WHEN 'Polygon' THEN jsonb_build_array(shape::jsonb -> 'coordinates')
    ELSE shape::jsonb -> 'coordinates' END) WITH ORDINALITY AS polygon (rings, at)
  CROSS JOIN jsonb_array_elements(polygon.rings) WITH ORDINALITY AS ring (corners, at)
  CROSS JOIN generate_series(0, jsonb_array_length(ring.corners) - 2) AS corner (at)
  CROSS JOIN unnest(ARRAY[polygon.at, ring.at, (ring.corners -> corner.at ->> 0)::float8,
    (ring.corners -> corner.at ->> 1)::float8, (ring.corners -> corner.at + 1 ->> 0)::float8,
    (ring.corners -> corner.at + 1 ->> 1)::float8]) WITH ORDINALITY AS number (value, at)
$$;

-- Whether a point lies in one of these polygons or on an edge: by how often a line to the east meets each ring.
CREATE OR REPLACE FUNCTION @schema@.st_intersects(place @schema@._pintle_place, edges float8[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 200 AS $$
DECLARE
  x float8 := place.longitude;
  y float8 := place.latitude;
BEGIN
  RETURN EXISTS (
    SELECT FROM (
      SELECT polygon, ring,
        bool_or((bx - ax) * (y - ay) = (x - ax) * (by - ay)
          AND x BETWEEN least(ax, bx) AND greatest(ax, bx) AND y BETWEEN least(ay, by) AND greatest(ay, by)) AS on_edge,
        count(*) FILTER (WHERE (ay > y) <> (by > y)
          AND ((bx - ax) * (y - ay) > (x - ax) * (by - ay)) = (by > ay)) % 2 = 1 AS inside
      FROM (
        SELECT edges[at] AS polygon, edges[at + 1] AS ring, edges[at + 2] AS ax, edges[at + 3] AS ay, edges[at + 4] AS bx,
          edges[at + 5] AS by FROM generate_series(1, cardinality(edges), 6) AS at
      ) AS edge
      GROUP BY polygon, ring
    ) AS rings
    GROUP BY polygon
    HAVING bool_or(ring = 1 AND on_edge) OR bool_and(CASE ring WHEN 1 THEN inside ELSE on_edge OR NOT inside END)
  );
END $$;

-- The length of the geodesic between two points, in metres, rounded as PostGIS does, for latitudes of which the first is south and no
-- nearer to the equator: Karney's algorithm ("Algorithms for geodesics", 2013), of which only the length is worked out.
CREATE OR REPLACE FUNCTION @schema@._pintle_geodesic(lon float8, lat1 float8, lat2 float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 200 AS $$
DECLARE
  f CONSTANT float8 := 1 / 298.257223563::float8;
  n CONSTANT float8 := f / (2 - f);
  ep2 CONSTANT float8 := f * (2 - f) / (1 - f) ^ 2;
  minor CONSTANT float8 := 6378137 * (1 - f);
  tiny CONSTANT float8 := 1e-50;
  eps0 CONSTANT float8 := 2.220446049250313e-16;
  lam float8; slam float8; clam float8;
  sb1 float8; cb1 float8; sb2 float8; cb2 float8; dn1 float8; dn2 float8; h float8;
  sa1 float8; ca1 float8; sa2 float8; ca2 float8; sa0 float8; k2 float8; eps float8;
  so float8; co float8; c float8; d float8; dnm float8 := 0;
  ss1 float8; cs1 float8; ss2 float8; cs2 float8; sig float8;
  x1 float8; y1 float8; x2 float8; y2 float8; c1 float8; c2 float8; c3 float8; c4 float8;
  v float8; dv float8; turn float8; ns float8;
  low_s float8 := tiny; low_c float8 := 1; high_s float8 := tiny; high_c float8 := -1;
  last boolean := false; halved boolean := false;
BEGIN
  IF lat1 = 0 AND lon <= (1 - f) * 180 THEN
    -- Along the equator.
    RETURN round(6378137 * radians(lon) * 1e8) / 1e8;
  END IF;
  -- The latitudes of the auxiliary ball.
  lam := radians(lon); slam := sind(lon); clam := cosd(lon);
  sb1 := (1 - f) * sind(lat1); cb1 := cosd(lat1); h := sqrt(sb1 * sb1 + cb1 * cb1);
  sb1 := sb1 / h; cb1 := greatest(cb1 / h, tiny);
  sb2 := (1 - f) * sind(lat2); cb2 := cosd(lat2); h := sqrt(sb2 * sb2 + cb2 * cb2);
  sb2 := sb2 / h; cb2 := greatest(cb2 / h, tiny);
  IF abs(lat2) = -lat1 THEN
    sb2 := sign(lat2) * -sb1;
    cb2 := cb1;
  END IF;
  dn1 := sqrt(1 + ep2 * sb1 * sb1); dn2 := sqrt(1 + ep2 * sb2 * sb2);
  IF lat1 = -90 OR slam = 0 THEN
    -- Along a meridian.
    ss1 := sb1; cs1 := clam * cb1; ss2 := sb2; cs2 := cb2;
    k2 := ep2;
    sig := atan2(greatest(0, cs1 * ss2 - ss1 * cs2), cs1 * cs2 + ss1 * ss2);
    eps := n;
  ELSE
    d := sb2 * cb1 - cb2 * sb1;
    c := cb2 * cb1 + sb2 * sb1;
    so := slam; co := clam;
    IF c >= 0 AND d < 0.5 AND cb2 * lam < 0.5 THEN
      h := (sb1 + sb2) ^ 2;
      dnm := sqrt(1 + ep2 * h / (h + (cb1 + cb2) ^ 2));
      so := lam / ((1 - f) * dnm); co := cos(so); so := sin(so);
    END IF;
    sa1 := cb2 * so;
    ca1 := CASE WHEN co >= 0 THEN d + cb2 * sb1 * so * so / (1 + co)
                ELSE sb2 * cb1 + cb2 * sb1 - cb2 * sb1 * so * so / (1 - co) END;
    h := sqrt(sa1 * sa1 + ca1 * ca1);
    IF dnm > 0 AND h < 3.6e-8 THEN
      RETURN round(atan2(h, sb1 * sb2 + cb1 * cb2 * co) * minor * dnm * 1e8) / 1e8;
    END IF;
    IF sa1 > 0 THEN
      sa1 := sa1 / h; ca1 := ca1 / h;
    ELSE
      sa1 := 1; ca1 := 0;
    END IF;
    -- The direction at the first point for which the line meets the second one's meridian there: by Newton's method, and by
    -- halving what is left where that does not find it.
    FOR step IN 0 .. 90 LOOP
      IF sb1 = 0 AND ca1 = 0 THEN ca1 := -tiny; END IF;
      sa0 := sa1 * cb1;
      h := ca1 * ca1 + sa1 * sa1 * sb1 * sb1;
      k2 := h * ep2;
      eps := k2 / (2 * (1 + sqrt(1 + k2)) + k2);
      cs1 := ca1 * cb1; h := sqrt(sb1 * sb1 + cs1 * cs1); 
      ss1 := sb1 / h; cs1 := cs1 / h;
      sa2 := CASE WHEN cb2 <> cb1 THEN sa0 / cb2 ELSE sa1 END;
      ca2 := CASE WHEN cb2 <> cb1 OR abs(sb2) <> -sb1 THEN sqrt(greatest(0, (ca1 * cb1) ^ 2
        + CASE WHEN cb1 < -sb1 THEN (cb2 - cb1) * (cb1 + cb2) ELSE (sb1 - sb2) * (sb1 + sb2) END)) / cb2 ELSE abs(ca1) END;
      cs2 := ca2 * cb2; h := sqrt(sb2 * sb2 + cs2 * cs2);
      ss2 := sb2 / h; cs2 := cs2 / h;
      sig := atan2(greatest(0, cs1 * ss2 - ss1 * cs2), cs1 * cs2 + ss1 * ss2);
      so := greatest(0, ca1 * cb1 * sa0 * sb2 - sa0 * sb1 * ca2 * cb2);
      co := ca1 * cb1 * ca2 * cb2 + sa0 * sb1 * sa0 * sb2;
      x1 := 2 * ss1 * cs1; y1 := (cs1 - ss1) * (cs1 + ss1);
      x2 := 2 * ss2 * cs2; y2 := (cs2 - ss2) * (cs2 + ss2);
      c1 := eps * ((1 - n) / 4 + eps * ((1 - n * n) / 8 + eps * ((3 + n * (3 - n)) / 64 + eps * (2.5 + n) / 64)));
      c2 := eps * eps * ((2 - n * (3 - n)) / 32 + eps * ((3 - n * (2 + 3 * n)) / 64 + eps * (3 + n) / 128));
      c3 := eps ^ 3 * ((5 - n * (9 - 5 * n)) / 192 + eps * (9 - 10 * n) / 384);
      v := atan2(so * clam - co * slam, co * clam + so * slam) - f * sa0
        * (1 - eps * ((1 - n) / 2 + eps * ((2 + n * (1 - 3 * n)) / 8 + eps * ((1 + n * (3 + n)) / 16 + eps * (3 + 2 * n) / 64))))
        * (sig + x2 * (c1 - c3 + y2 * (2 * c2 + y2 * 4 * c3)) - x1 * (c1 - c3 + y1 * (2 * c2 + y1 * 4 * c3)));
      EXIT WHEN halved OR NOT abs(v) >= CASE WHEN last THEN 8 ELSE 1 END * eps0;
      IF v > 0 AND (step > 20 OR ca1 / sa1 > high_c / high_s) THEN
        high_s := sa1; high_c := ca1;
      ELSIF v < 0 AND (step > 20 OR ca1 / sa1 < low_c / low_s) THEN
        low_s := sa1; low_c := ca1;
      END IF;
      IF step < 20 THEN
        dv := CASE WHEN ca2 = 0 THEN -2 * (1 - f) * dn1 / sb1
          ELSE (dn2 * cs1 * ss2 - dn1 * ss1 * cs2 - cs1 * cs2 * eps * (2 * sig - x2 + x1)) * (1 - f) / (ca2 * cb2) END;
        IF dv > 0 AND abs(v) < 3 * dv THEN
          turn := -v / dv;
          ns := sa1 * cos(turn) + ca1 * sin(turn);
          IF ns > 0 THEN
            ca1 := ca1 * cos(turn) - sa1 * sin(turn); sa1 := ns;
            h := sqrt(sa1 * sa1 + ca1 * ca1);
            sa1 := sa1 / h; ca1 := ca1 / h;
            last := abs(v) <= 16 * eps0;
            CONTINUE;
          END IF;
        END IF;
      END IF;
      sa1 := (low_s + high_s) / 2; ca1 := (low_c + high_c) / 2;
      h := sqrt(sa1 * sa1 + ca1 * ca1);
      sa1 := sa1 / h; ca1 := ca1 / h;
      last := false;
      halved := abs(low_s - sa1) + (low_c - ca1) < 4e-16 OR abs(sa1 - high_s) + (ca1 - high_c) < 4e-16;
    END LOOP;
  END IF;
  x1 := 2 * ss1 * cs1; y1 := (cs1 - ss1) * (cs1 + ss1);
  x2 := 2 * ss2 * cs2; y2 := (cs2 - ss2) * (cs2 + ss2);
  h := eps * eps;
  c1 := eps * (h * 3 / 16 - 0.5);
  c2 := h * (h - 2) / 32;
  c3 := -h * eps / 48;
  c4 := -h * h * 5 / 512;
  RETURN round(minor * (1 + h / 4 + h * h / 64) / (1 - eps)
    * (sig + x2 * (c1 - c3 + y2 * (2 * c2 - 4 * c4 + y2 * (4 * c3 + y2 * 8 * c4)))
           - x1 * (c1 - c3 + y1 * (2 * c2 - 4 * c4 + y1 * (4 * c3 + y1 * 8 * c4)))) * 1e8) / 1e8;
END $$;

-- The same for any two points.
CREATE OR REPLACE FUNCTION @schema@._pintle_metres(lon1 float8, lat1 float8, lon2 float8, lat2 float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 100 AS $$
DECLARE
  lon float8 := CASE WHEN abs(lon2 - lon1) > 180 THEN 180 - abs(lon1) + (180 - abs(lon2)) ELSE abs(lon2 - lon1) END;
  turned boolean := abs(lat1) < abs(lat2);
  south float8 := CASE WHEN turned THEN lat2 ELSE lat1 END;
  north float8 := CASE WHEN turned THEN lat1 ELSE lat2 END;
  middle float8;
  part float8;
BEGIN
  IF south > 0 THEN
    south := -south;
    north := -north;
  END IF;
  IF lon < 1e-17 THEN lon := 0; END IF;
  IF south > -1e-17 THEN south := 0; END IF;
  IF abs(north) < 1e-17 THEN north := 0; END IF;
  IF south = north AND lon = 0 THEN
    RETURN 0;
  END IF;
  IF lon + abs(north - south) < 0.0005 AND south > -75 THEN
    -- So near that the ellipsoid is flat between them: not a nanometre off.
    middle := radians((south + north) / 2);
    part := 1 - 0.0066943799901413165 * sin(middle) ^ 2;
    RETURN round(sqrt((radians(north - south) * 0.9933056200098587 / part) ^ 2 + (radians(lon) * cos(middle)) ^ 2)
      * (6378137 / sqrt(part)) * 1e8) / 1e8;
  END IF;
  RETURN @schema@._pintle_geodesic(lon, south, north);
END $$;

CREATE OR REPLACE FUNCTION @schema@.st_distance(@schema@._pintle_place, @schema@._pintle_place) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1
RETURN @schema@._pintle_metres(($1).longitude, ($1).latitude, ($2).longitude, ($2).latitude);
