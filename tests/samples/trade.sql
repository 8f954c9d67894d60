-- Orders, goods and who sells them: the shape of two well-known samples of a trader and a music shop, in this project's own words.
CREATE TABLE categories (category_id smallint NOT NULL PRIMARY KEY, category_name varchar(15) NOT NULL, description text, picture bytea);
CREATE TABLE customer_demographics (customer_type_id bpchar NOT NULL, customer_desc text, CONSTRAINT pk_customer_demographics PRIMARY KEY (customer_type_id));
CREATE TABLE customers (customer_id varchar(5) PRIMARY KEY, company_name varchar(40) NOT NULL, contact_title varchar(30), fax varchar(24));
CREATE TABLE customer_customer_demo (
    customer_id varchar(5) NOT NULL REFERENCES customers,
    customer_type_id bpchar NOT NULL,
    PRIMARY KEY (customer_id, customer_type_id),
    FOREIGN KEY (customer_type_id) REFERENCES customer_demographics
);
CREATE TABLE employees (
    employee_id smallint PRIMARY KEY,
    last_name varchar(20) NOT NULL,
    title_of_courtesy varchar(25),
    birth_date date,
    photo bytea,
    notes text,
    reports_to smallint REFERENCES employees,
    photo_path varchar(255)
);
CREATE TABLE suppliers (supplier_id smallint PRIMARY KEY, company_name varchar(40) NOT NULL, homepage text);
CREATE TABLE products (
    product_id smallint PRIMARY KEY,
    product_name varchar(40) NOT NULL,
    supplier_id smallint REFERENCES suppliers,
    category_id smallint REFERENCES categories,
    quantity_per_unit varchar(20),
    unit_price real,
    units_in_stock smallint,
    discontinued integer NOT NULL
);
CREATE TABLE shippers (shipper_id smallint PRIMARY KEY, company_name varchar(40) NOT NULL, phone varchar(24));
CREATE TABLE orders (
    order_id smallint PRIMARY KEY,
    customer_id varchar(5) REFERENCES customers,
    employee_id smallint REFERENCES employees,
    order_date date,
    ship_via smallint REFERENCES shippers,
    freight real,
    ship_address varchar(60)
);
CREATE TABLE order_details (
    order_id smallint NOT NULL REFERENCES orders,
    product_id smallint NOT NULL REFERENCES products,
    unit_price real NOT NULL,
    quantity smallint NOT NULL,
    discount real NOT NULL,
    PRIMARY KEY (order_id, product_id)
);
CREATE TABLE region (region_id smallint PRIMARY KEY, region_description varchar(60) NOT NULL);
CREATE TABLE territories (territory_id varchar(20) PRIMARY KEY, region_id smallint NOT NULL REFERENCES region);
CREATE VIEW order_subtotals AS
  SELECT order_id, sum(unit_price * quantity * (1 - discount))::numeric(12, 2) AS subtotal FROM order_details GROUP BY order_id;
CREATE VIEW products_above_average AS
  SELECT product_name, unit_price FROM products WHERE unit_price > (SELECT avg(unit_price) FROM products) ORDER BY unit_price DESC;
CREATE VIEW quarterly AS
  SELECT DISTINCT c.customer_id, c.company_name FROM customers c RIGHT JOIN orders o USING (customer_id)
  WHERE o.order_date BETWEEN '1997-01-01' AND '1997-12-31';
CREATE TABLE "Artist" ("ArtistId" int NOT NULL, "Name" varchar(120), CONSTRAINT "PK_Artist" PRIMARY KEY ("ArtistId"));
CREATE TABLE "Album" (
    "AlbumId" int NOT NULL, "Title" varchar(160) NOT NULL, "ArtistId" int NOT NULL, CONSTRAINT "PK_Album" PRIMARY KEY ("AlbumId")
);
ALTER TABLE "Album" ADD CONSTRAINT "FK_AlbumArtistId" FOREIGN KEY ("ArtistId") REFERENCES "Artist" ("ArtistId") ON DELETE NO ACTION ON UPDATE NO ACTION;
CREATE INDEX "IFK_AlbumArtistId" ON "Album" ("ArtistId");
CREATE TABLE "Track" (
    "TrackId" int NOT NULL CONSTRAINT "PK_Track" PRIMARY KEY, "Name" varchar(200) NOT NULL, "AlbumId" int, "UnitPrice" numeric(10,2) NOT NULL,
    CONSTRAINT "FK_TrackAlbumId" FOREIGN KEY ("AlbumId") REFERENCES "Album"
);
CREATE INDEX "IFK_TrackAlbumId" ON "Track" ("AlbumId");
CREATE TABLE "PlaylistTrack" ("PlaylistId" int, "TrackId" int REFERENCES "Track", CONSTRAINT "PK_PlaylistTrack" PRIMARY KEY ("PlaylistId", "TrackId"));
