-- Characters of an order's events and of the requests that made them, also of those that are not read with it: there is a limit.
-- 0 in orders from before says that nobody has counted; the next change does.
alter table orders.orders add column events_size bigint not null default 0;
