-- Who bought what, at the price of that moment.
create table purchase (
    id varchar(36) primary key,
    sku varchar(40) not null references item (sku),
    count bigint not null check (count > 0),
    total_cents bigint not null,
    customer varchar(80) not null,
    ordered_at varchar(40) not null
);
create index purchase_sku on purchase (sku);
