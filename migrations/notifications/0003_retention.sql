-- What the worker deletes when it has been kept long enough: settled deliveries, oldest first.
create index deliveries_settled on notifications.deliveries (state, settled_at) where settled_at is not null;
