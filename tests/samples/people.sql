-- A company's people: the shape of the usual HR sample, with a circle of references and an audit trail.
CREATE TABLE regions (region_id smallint PRIMARY KEY, region_name varchar(25));
CREATE TABLE countries (country_id char(2) CONSTRAINT country_c_id_pk PRIMARY KEY, country_name varchar(60), region_id smallint REFERENCES regions);
CREATE TABLE departments (
    department_id integer PRIMARY KEY,
    department_name varchar(30) NOT NULL,
    manager_id integer
);
CREATE TABLE jobs (job_id varchar(10) PRIMARY KEY, job_title varchar(35) NOT NULL, min_salary numeric(6), max_salary numeric(6), CHECK (min_salary <= max_salary));
CREATE TABLE employees (
    employee_id integer PRIMARY KEY,
    email varchar(25) NOT NULL CONSTRAINT emp_email_uk UNIQUE,
    hired date NOT NULL DEFAULT current_date,
    job_id varchar(10) NOT NULL REFERENCES jobs,
    salary numeric(8, 2) CONSTRAINT emp_salary_min CHECK (salary > 0),
    commission numeric(2, 2),
    manager_id integer REFERENCES employees,
    department_id integer REFERENCES departments
);
ALTER TABLE departments ADD CONSTRAINT dept_mgr_fk FOREIGN KEY (manager_id) REFERENCES employees (employee_id);
CREATE TABLE job_history (
    employee_id integer NOT NULL REFERENCES employees,
    start_date date NOT NULL,
    end_date date NOT NULL,
    job_id varchar(10) NOT NULL REFERENCES jobs,
    PRIMARY KEY (employee_id, start_date),
    CONSTRAINT jhist_date_interval CHECK (end_date > start_date)
);
CREATE SEQUENCE departments_seq START 280 INCREMENT 10 MAXVALUE 9990 NO CYCLE OWNED BY departments.department_id;
ALTER TABLE departments ALTER department_id SET DEFAULT nextval('departments_seq');
CREATE UNLOGGED TABLE audit (id bigserial, who name NOT NULL DEFAULT current_user, at timestamptz DEFAULT clock_timestamp(), what jsonb);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit (what) SELECT to_jsonb(n) FROM new_rows n;
  RETURN NULL;
END $$;
CREATE TRIGGER employees_audit AFTER INSERT ON employees REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION audit();
CREATE FUNCTION check_boss() RETURNS trigger LANGUAGE plpgsql AS $$ begin return null; end $$;
CREATE CONSTRAINT TRIGGER employees_boss AFTER INSERT OR UPDATE ON employees DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION check_boss();
CREATE VIEW emp_details AS SELECT e.employee_id, e.job_id, d.department_name, c.country_name
  FROM employees e LEFT JOIN departments d USING (department_id) CROSS JOIN countries c;
CREATE FUNCTION insert_details() RETURNS trigger LANGUAGE plpgsql AS $$ begin return new; end $$;
CREATE TRIGGER details INSTEAD OF INSERT ON emp_details FOR EACH ROW EXECUTE FUNCTION insert_details();
CREATE RECURSIVE VIEW chain (employee_id, path) AS
  SELECT employee_id, ARRAY[employee_id] FROM employees WHERE manager_id IS NULL
  UNION ALL SELECT e.employee_id, c.path || e.employee_id FROM employees e JOIN chain c ON e.manager_id = c.employee_id;
