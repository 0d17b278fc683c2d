-- What the shop sells. SQLite and PostgreSQL both understand these files.
create table item (
    sku varchar(40) primary key,
    name varchar(80) not null,
    price_cents bigint not null check (price_cents > 0),
    stock bigint not null check (stock >= 0)
);
