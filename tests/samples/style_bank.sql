-- A bank of the nineties: upper case names, inheritance, rules, functions with domains, sequences by hand, no primary keys.
CREATE SCHEMA ledger;
CREATE SCHEMA archive;
CREATE DOMAIN "year" AS integer CONSTRAINT year_check CHECK (VALUE >= 1901 AND VALUE <= 2155);
CREATE DOMAIN ledger.amount AS numeric(14,2) DEFAULT 0.00 NOT NULL CHECK (VALUE BETWEEN -1e9 AND 1e9 AND VALUE <> 13.13);
CREATE DOMAIN ledger.iban AS varchar(34) CHECK (VALUE ~ '^[A-Z]{2}[0-9]{2}[A-Z0-9]+$');
CREATE TYPE ledger.side AS ENUM ('DEBIT', 'CREDIT');
CREATE TYPE ledger.balance AS (account integer, total numeric(14,2), "AS OF" date);
CREATE SEQUENCE "ACCT_NO" AS integer START 100000 MINVALUE 100000 MAXVALUE 999999 CYCLE;
CREATE TABLE "CUSTOMER" ("CUST_ID" integer NOT NULL DEFAULT nextval('"ACCT_NO"'), "NAME" char(40) NOT NULL, "BORN" "year", "SINCE" date DEFAULT ('now'::text)::date, "VIP?" char(1) DEFAULT 'N'::bpchar,
    CONSTRAINT "CUSTOMER_PK" PRIMARY KEY ("CUST_ID"), CONSTRAINT "CK VIP" CHECK ("VIP?" IN ('Y', 'N')));
CREATE TABLE ledger.account (number integer DEFAULT nextval('"ACCT_NO"'::regclass) PRIMARY KEY, owner integer NOT NULL REFERENCES "CUSTOMER" ON UPDATE CASCADE, iban ledger.iban, opened timestamp without time zone DEFAULT now() NOT NULL, balance ledger.amount, CHECK (owner > 0));
CREATE TABLE ledger.savings (rate numeric(5,3) DEFAULT 1.5 NOT NULL CHECK (rate BETWEEN 0 AND 20 AND rate <> 13)) INHERITS (ledger.account);
ALTER TABLE ledger.savings ADD CONSTRAINT savings_pkey PRIMARY KEY (number);
ALTER TABLE ledger.savings ALTER owner SET DEFAULT 1;
CREATE TABLE ledger.loan (due date, "guarantor no" integer REFERENCES "CUSTOMER") INHERITS (ledger.account);
ALTER TABLE ledger.loan ALTER opened DROP DEFAULT;
ALTER TABLE ledger.loan ADD UNIQUE (iban);
CREATE TABLE ledger.mortgage (house text) INHERITS (ledger.loan);
CREATE TABLE ledger.entry (id serial, account integer NOT NULL, side ledger.side NOT NULL, amount ledger.amount, booked date NOT NULL DEFAULT CURRENT_DATE, memo varchar(140));
CREATE INDEX entry_account ON ledger.entry (account, booked DESC);
CREATE UNIQUE INDEX entry_once ON ledger.entry (id);
CREATE INDEX entry_odd ON ledger.entry (booked) WHERE amount::numeric > 0 AND (side = 'DEBIT' AND memo IS NOT NULL);
CREATE TABLE archive.entry (LIKE ledger.entry INCLUDING DEFAULTS);
CREATE TABLE archive.entry_1998 (CHECK (booked >= '1998-01-01' AND booked < '1999-01-01')) INHERITS (archive.entry);
CREATE TABLE archive.entry_1999 (CHECK (booked >= '1999-01-01' AND booked < '2000-01-01')) INHERITS (archive.entry);
CREATE INDEX entry_1998_booked ON archive.entry_1998 (booked);
CREATE RULE entry_insert_1998 AS ON INSERT TO archive.entry WHERE NEW.booked >= '1998-01-01' AND NEW.booked < '1999-01-01' DO INSTEAD INSERT INTO archive.entry_1998 VALUES (NEW.*);
CREATE RULE entry_no_delete AS ON DELETE TO archive.entry WHERE old.amount::numeric > 0 AND old.id BETWEEN 1 AND 9 DO INSTEAD NOTHING;
CREATE TABLE audit_trail (at timestamptz DEFAULT now(), who name DEFAULT CURRENT_USER, what text, row_was ledger.balance);
CREATE RULE customer_audit AS ON UPDATE TO "CUSTOMER" WHERE NEW."NAME" <> OLD."NAME" DO ALSO (INSERT INTO audit_trail (what) VALUES ('renamed ' || OLD."NAME"); INSERT INTO audit_trail (what) SELECT NEW."NAME");
CREATE VIEW ledger.all_accounts AS SELECT tableoid::regclass AS kind, a.* FROM ledger.account a;
CREATE VIEW vip AS SELECT * FROM "CUSTOMER" WHERE "VIP?" = 'Y' AND "CUST_ID" BETWEEN 1 AND 99 WITH LOCAL CHECK OPTION;
CREATE RULE vip_insert AS ON INSERT TO vip DO INSTEAD INSERT INTO "CUSTOMER" ("NAME", "VIP?") VALUES (NEW."NAME", 'Y');
CREATE FUNCTION ledger.balance_of(p_account integer, p_on date DEFAULT CURRENT_DATE) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
DECLARE
  v_total numeric(14,2) := 0;
  v_row ledger.entry%ROWTYPE;
BEGIN
  FOR v_row IN SELECT * FROM ledger.entry WHERE account = p_account AND booked <= p_on LOOP
    IF v_row.side = 'DEBIT' THEN v_total := v_total - v_row.amount; ELSE v_total := v_total + v_row.amount; END IF;
  END LOOP;
  RETURN v_total;
EXCEPTION WHEN no_data_found THEN RETURN NULL;
END $$;
CREATE FUNCTION ledger.post(p_from integer, p_to integer, p_amount numeric) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path TO 'ledger', 'pg_temp' AS $$
BEGIN
  INSERT INTO entry (account, side, amount) VALUES (p_from, 'DEBIT', p_amount), (p_to, 'CREDIT', p_amount);
  IF NOT FOUND THEN RAISE EXCEPTION 'nothing booked'; END IF;
END $$;
CREATE FUNCTION ledger.balances() RETURNS SETOF ledger.balance LANGUAGE sql AS 'SELECT account, sum(amount)::numeric(14,2), max(booked) FROM ledger.entry GROUP BY 1 HAVING count(*) > 1 AND sum(amount) BETWEEN 1 AND 9';
CREATE FUNCTION round_half(x numeric, "to" integer = 2) RETURNS numeric LANGUAGE sql IMMUTABLE STRICT AS 'SELECT round(x, "to")';
CREATE FUNCTION month_end(INOUT d date, OUT days integer) LANGUAGE plpgsql AS $$ BEGIN d := (date_trunc('month', d) + interval '1 month - 1 day')::date; days := extract(day FROM d); END $$;
CREATE FUNCTION concat_state(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN $2 IS NULL OR $2 = '' THEN $1 WHEN $1 IS NULL OR $1 = '' THEN $2 ELSE $1 || ', ' || $2 END $$;
CREATE AGGREGATE group_concat(text) (SFUNC = concat_state, STYPE = text);
CREATE FUNCTION same_name(char, char) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT trim($1) = trim($2)';
CREATE OPERATOR =~= (LEFTARG = char, RIGHTARG = char, FUNCTION = same_name, COMMUTATOR = =~=);
CREATE FUNCTION old_statement(integer) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT text FROM statement_printer WHERE id = $1); END $$;
CREATE VIEW ledger.sums AS SELECT account, group_concat(memo) AS memos, CASE side WHEN 'DEBIT' THEN -sum(amount) ELSE sum(amount) END AS total FROM ledger.entry GROUP BY account, side;
CREATE FUNCTION ledger.no_past() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'INSERT' AND NEW.booked < CURRENT_DATE - 30 THEN RAISE EXCEPTION 'too late'; END IF; RETURN NEW; END $$;
CREATE TRIGGER no_past BEFORE INSERT OR UPDATE ON ledger.entry FOR EACH ROW EXECUTE PROCEDURE ledger.no_past();
ALTER TABLE ledger.entry DISABLE TRIGGER no_past;
CREATE CAST (ledger.balance AS text) WITH INOUT AS ASSIGNMENT;
COMMENT ON DOMAIN "year" IS 'As pagila has it';
COMMENT ON RULE customer_audit ON "CUSTOMER" IS 'Since 1997';
COMMENT ON COLUMN "CUSTOMER"."VIP?" IS 'Y or N';
INSERT INTO "CUSTOMER" ("NAME") VALUES ('Ada'), ('Bob');
INSERT INTO ledger.savings (owner) VALUES (100000);
INSERT INTO ledger.entry (account, side, amount, booked) SELECT 100002, 'CREDIT', n, '2020-01-01' FROM generate_series(1, 40) n;
