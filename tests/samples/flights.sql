-- Flights and their tickets: the shape of the usual airline demo, in this project's own words.
CREATE SCHEMA bookings;
COMMENT ON SCHEMA bookings IS 'Airlines demo';
CREATE FUNCTION bookings.lang() RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN current_setting('bookings.lang');
EXCEPTION WHEN undefined_object THEN
  RETURN NULL;
END;
$$;
CREATE TABLE bookings.aircrafts_data (
    aircraft_code char(3) NOT NULL,
    model jsonb NOT NULL,
    range integer NOT NULL,
    CONSTRAINT aircrafts_range_check CHECK (range > 0),
    CONSTRAINT aircrafts_pkey PRIMARY KEY (aircraft_code)
);
CREATE TABLE bookings.airports_data (
    airport_code char(3) CONSTRAINT airports_data_pkey PRIMARY KEY,
    airport_name jsonb NOT NULL,
    coordinates point NOT NULL,
    timezone text NOT NULL
);
COMMENT ON COLUMN bookings.airports_data.coordinates IS 'Airport coordinates (longitude and latitude)';
CREATE VIEW bookings.aircrafts AS
  SELECT ml.aircraft_code, ml.model ->> bookings.lang() AS model, ml.range FROM bookings.aircrafts_data ml;
CREATE VIEW bookings.airports AS
  SELECT airport_code, airport_name ->> bookings.lang() AS airport_name, coordinates, timezone FROM bookings.airports_data;
CREATE TABLE bookings.bookings (
    book_ref char(6) PRIMARY KEY,
    book_date timestamptz NOT NULL,
    total_amount numeric(10, 2) NOT NULL
);
CREATE TABLE bookings.flights (
    flight_id serial PRIMARY KEY,
    flight_no char(6) NOT NULL,
    scheduled_departure timestamptz NOT NULL,
    scheduled_arrival timestamptz NOT NULL,
    departure_airport char(3) NOT NULL REFERENCES bookings.airports_data (airport_code),
    arrival_airport char(3) NOT NULL REFERENCES bookings.airports_data,
    status varchar(20) NOT NULL,
    aircraft_code char(3) NOT NULL REFERENCES bookings.aircrafts_data,
    actual_departure timestamptz,
    actual_arrival timestamptz,
    CONSTRAINT flights_flight_no_departure_key UNIQUE (flight_no, scheduled_departure),
    CHECK (scheduled_arrival > scheduled_departure),
    CHECK (actual_arrival IS NULL OR (actual_departure IS NOT NULL AND actual_arrival IS NOT NULL AND actual_arrival > actual_departure)),
    CHECK (status IN ('On Time', 'Delayed', 'Departed', 'Arrived', 'Scheduled', 'Cancelled'))
);
CREATE TABLE bookings.tickets (
    ticket_no char(13) PRIMARY KEY,
    book_ref char(6) NOT NULL REFERENCES bookings.bookings,
    passenger_id varchar(20) NOT NULL,
    contact_data jsonb
);
CREATE TABLE bookings.ticket_flights (
    ticket_no char(13) NOT NULL REFERENCES bookings.tickets,
    flight_id integer NOT NULL REFERENCES bookings.flights,
    fare_conditions varchar(10) NOT NULL CHECK (fare_conditions IN ('Economy', 'Comfort', 'Business')),
    amount numeric(10, 2) NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (ticket_no, flight_id)
);
CREATE TABLE bookings.boarding_passes (
    ticket_no char(13) NOT NULL,
    flight_id integer NOT NULL,
    boarding_no integer NOT NULL,
    seat_no varchar(4) NOT NULL,
    PRIMARY KEY (ticket_no, flight_id),
    UNIQUE (flight_id, boarding_no),
    UNIQUE (flight_id, seat_no),
    FOREIGN KEY (ticket_no, flight_id) REFERENCES bookings.ticket_flights (ticket_no, flight_id)
);
CREATE TABLE bookings.seats (
    aircraft_code char(3) NOT NULL REFERENCES bookings.aircrafts_data ON DELETE CASCADE,
    seat_no varchar(4) NOT NULL,
    fare_conditions varchar(10) NOT NULL CHECK (fare_conditions = ANY (ARRAY['Economy', 'Comfort', 'Business'])),
    PRIMARY KEY (aircraft_code, seat_no)
);
CREATE VIEW bookings.flights_v AS
  SELECT f.flight_id, f.flight_no, timezone(dep.timezone, f.scheduled_departure) AS scheduled_departure_local,
         f.scheduled_arrival - f.scheduled_departure AS scheduled_duration, dep.airport_name AS departure, arr.airport_name AS arrival,
         f.status, f.actual_arrival - f.actual_departure AS actual_duration
  FROM bookings.flights f, bookings.airports dep, bookings.airports arr
  WHERE f.departure_airport = dep.airport_code AND f.arrival_airport = arr.airport_code;
CREATE VIEW bookings.routes AS
  WITH f3 AS (
    SELECT f2.flight_no, f2.departure_airport, f2.aircraft_code, f2.duration, array_agg(f2.days_of_week) AS days_of_week
    FROM (SELECT f1.flight_no, f1.departure_airport, f1.aircraft_code, f1.duration, f1.days_of_week
          FROM (SELECT flight_no, departure_airport, aircraft_code, scheduled_arrival - scheduled_departure AS duration,
                       to_char(scheduled_departure, 'ID')::integer AS days_of_week FROM bookings.flights) f1
          GROUP BY f1.flight_no, f1.departure_airport, f1.aircraft_code, f1.duration, f1.days_of_week
          ORDER BY f1.flight_no, f1.departure_airport, f1.days_of_week) f2
    GROUP BY f2.flight_no, f2.departure_airport, f2.aircraft_code, f2.duration)
  SELECT f3.flight_no, dep.airport_name, f3.duration, f3.days_of_week FROM f3, bookings.airports dep
  WHERE f3.departure_airport = dep.airport_code;
CREATE FUNCTION bookings.now() RETURNS timestamptz LANGUAGE sql IMMUTABLE
  AS $$SELECT '2017-08-15 18:00:00'::timestamp AT TIME ZONE 'Europe/Moscow';$$;
