--! a check reads the table => K01
ALTER TABLE t ADD CONSTRAINT positive CHECK (price > 0);
--! a check without a name => K01
ALTER TABLE t ADD CHECK (price > 0);
--! a check that is not valid yet => nothing
ALTER TABLE t ADD CONSTRAINT positive CHECK (price > 0) NOT VALID;
--! a check that is validated by itself => nothing
ALTER TABLE t ADD CONSTRAINT positive CHECK (price > 0) NOT VALID;
ALTER TABLE t VALIDATE CONSTRAINT positive;
--! a check of a new table => nothing
CREATE TABLE fresh (id bigint PRIMARY KEY, price int);
ALTER TABLE fresh ADD CONSTRAINT positive CHECK (price > 0);
--! two of three are not valid => K01
ALTER TABLE t ADD CONSTRAINT a CHECK (x > 0) NOT VALID, ADD CONSTRAINT b CHECK (y > 0), ADD CONSTRAINT c CHECK (z > 0) NOT VALID;
--! a foreign key looks all rows up => K02
ALTER TABLE t ADD CONSTRAINT t_owner_fkey FOREIGN KEY (owner) REFERENCES users (id);
--! a foreign key that is not valid yet => nothing
ALTER TABLE t ADD CONSTRAINT t_owner_fkey FOREIGN KEY (owner) REFERENCES users (id) NOT VALID;
--! a foreign key is validated in another transaction => nothing
BEGIN;
SET LOCAL lock_timeout = '2s';
ALTER TABLE t ADD CONSTRAINT t_owner_fkey FOREIGN KEY (owner) REFERENCES users (id) NOT VALID;
COMMIT;
ALTER TABLE t VALIDATE CONSTRAINT t_owner_fkey;
--! a foreign key of a new table => nothing
CREATE TABLE fresh (id bigint PRIMARY KEY, owner bigint REFERENCES users (id) ON DELETE CASCADE);
CREATE INDEX ON fresh (owner);
--! a foreign key from an old table to a new one => K02
CREATE TABLE fresh (id bigint PRIMARY KEY);
ALTER TABLE t ADD FOREIGN KEY (fresh_id) REFERENCES fresh (id);
--! a foreign key on a small table => nothing | rows=t:400
ALTER TABLE t ADD CONSTRAINT t_owner_fkey FOREIGN KEY (owner) REFERENCES users (id);
--! NOT VALID on a partitioned table before 18 => K02 | version=16
CREATE TABLE m (id bigint, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
--+
ALTER TABLE m ADD CONSTRAINT m_fkey FOREIGN KEY (id) REFERENCES users (id) ON DELETE CASCADE NOT VALID;
--! NOT VALID and VALIDATE in one transaction => K03
BEGIN;
ALTER TABLE t ADD CONSTRAINT positive CHECK (price > 0) NOT VALID;
ALTER TABLE t VALIDATE CONSTRAINT positive;
COMMIT;
--! NOT VALID and VALIDATE in a file that the tool wraps => K03 | file=V2__price.sql
ALTER TABLE t ADD CONSTRAINT positive CHECK (price > 0) NOT VALID;
ALTER TABLE t VALIDATE CONSTRAINT positive;
--! NOT VALID and VALIDATE of a foreign key in a DO block => K03
DO $$ BEGIN
  ALTER TABLE t ADD CONSTRAINT t_owner_fkey FOREIGN KEY (owner) REFERENCES users (id) NOT VALID;
  ALTER TABLE t VALIDATE CONSTRAINT t_owner_fkey;
END $$;
--! NOT VALID and VALIDATE in one transaction on a new table => nothing
BEGIN;
CREATE TABLE fresh (id bigint PRIMARY KEY, price int);
ALTER TABLE fresh ADD CONSTRAINT positive CHECK (price > 0) NOT VALID;
ALTER TABLE fresh VALIDATE CONSTRAINT positive;
COMMIT;
--! a unique constraint => K04
ALTER TABLE t ADD CONSTRAINT t_email_key UNIQUE (email);
--! a unique constraint by an index that is there => nothing
CREATE UNIQUE INDEX CONCURRENTLY t_email_key ON t (email);
ALTER TABLE t ADD CONSTRAINT t_email_key UNIQUE USING INDEX t_email_key;
--! a primary key => K05
ALTER TABLE t ADD PRIMARY KEY (id);
--! a primary key by an index that is there => nothing
CREATE UNIQUE INDEX CONCURRENTLY t_pkey ON t (id);
ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX t_pkey;
--! a primary key by an index over a column that may be NULL => K05
CREATE TABLE t (code text, name text NOT NULL);
ALTER TABLE t ALTER COLUMN code DROP NOT NULL;
--+
CREATE UNIQUE INDEX CONCURRENTLY t_pkey ON t (code);
ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX t_pkey;
--! a primary key of a new table => nothing
CREATE TABLE fresh (id bigint);
ALTER TABLE fresh ADD PRIMARY KEY (id);
--! an exclusion constraint => K06
ALTER TABLE bookings ADD CONSTRAINT no_overlap EXCLUDE USING gist (room WITH =, during WITH &&);
--! an exclusion constraint of a new table => nothing
CREATE TABLE bookings (id bigint PRIMARY KEY, room int, during tstzrange, EXCLUDE USING gist (room WITH =, during WITH &&));
--! two foreign keys to two busy tables in one transaction => K07
BEGIN;
ALTER TABLE t ADD CONSTRAINT a_fkey FOREIGN KEY (a) REFERENCES a (id) NOT VALID;
ALTER TABLE t ADD CONSTRAINT b_fkey FOREIGN KEY (b) REFERENCES b (id) NOT VALID;
COMMIT;
--! two foreign keys to one busy table => nothing
BEGIN;
ALTER TABLE t ADD CONSTRAINT a_fkey FOREIGN KEY (a) REFERENCES users (id) NOT VALID;
ALTER TABLE t ADD CONSTRAINT b_fkey FOREIGN KEY (b) REFERENCES users (id) NOT VALID;
COMMIT;
--! a foreign key without an index behind it => K08
CREATE TABLE fresh (id bigint PRIMARY KEY, owner bigint REFERENCES users (id) ON DELETE CASCADE);
--! the primary key is the index behind a foreign key => nothing
CREATE TABLE fresh (owner bigint REFERENCES users (id) ON DELETE CASCADE, n int, PRIMARY KEY (owner, n));
--! a partial index serves no foreign key => K08
CREATE TABLE fresh (id bigint PRIMARY KEY, owner bigint REFERENCES users (id) ON DELETE CASCADE);
CREATE INDEX ON fresh (owner) WHERE owner IS NOT NULL;
--! the second column of an index serves no foreign key => K08
CREATE TABLE fresh (id bigint PRIMARY KEY, owner bigint REFERENCES users (id) ON DELETE CASCADE);
CREATE INDEX ON fresh (id, owner);
--! the index comes in a later migration => nothing
CREATE TABLE fresh (id bigint PRIMARY KEY, owner bigint REFERENCES users (id) ON DELETE CASCADE);
--+
CREATE INDEX CONCURRENTLY fresh_owner_idx ON fresh (owner);
--! a primary key goes => K09
ALTER TABLE t DROP CONSTRAINT t_pkey;
--! a check goes => nothing (K09)
ALTER TABLE t DROP CONSTRAINT t_price_check;
--! a constraint goes with what uses it => S13 K09
ALTER TABLE t DROP CONSTRAINT t_pkey CASCADE;
--! a constraint that this file made goes => nothing
ALTER TABLE t ADD CONSTRAINT helper CHECK (a > 0) NOT VALID;
ALTER TABLE t DROP CONSTRAINT helper;
--! a check that depends on the time => K10
CREATE TABLE fresh (id bigint PRIMARY KEY, born date CHECK (born <= current_date));
--! a check that depends on now() => K10
ALTER TABLE t ADD CONSTRAINT past CHECK (at < now()) NOT VALID;
--! a check of two columns => nothing
CREATE TABLE fresh (id bigint PRIMARY KEY, a date, b date, CHECK (a <= b));
--! a check that is not enforced (18) => K11
ALTER TABLE t ADD CONSTRAINT positive CHECK (price > 0) NOT ENFORCED;
--! when a constraint is checked => nothing (K13)
ALTER TABLE t ALTER CONSTRAINT t_owner_fkey DEFERRABLE INITIALLY DEFERRED;
--! key and foreign key of different types => K14
CREATE TABLE users (id bigint PRIMARY KEY);
CREATE TABLE posts (id bigint PRIMARY KEY, owner int REFERENCES users ON DELETE CASCADE);
CREATE INDEX ON posts (owner);
--! key and foreign key of one type by two names => nothing
CREATE TABLE users (id bigserial PRIMARY KEY, code varchar(10) UNIQUE);
CREATE TABLE posts (id bigint PRIMARY KEY, owner int8 REFERENCES users ON DELETE CASCADE, code varchar(20) REFERENCES users (code) ON DELETE CASCADE);
CREATE INDEX ON posts (owner);
CREATE INDEX ON posts (code);
-- wgm-play: ignore-file Q02: the old tables have it
--! a primary key is exchanged for another in one statement => nothing
CREATE UNIQUE INDEX CONCURRENTLY t_new_key ON t (id);
ALTER TABLE t DROP CONSTRAINT t_pkey, ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX t_new_key;
