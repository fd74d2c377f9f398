-- Characters of a transaction, its events and the requests that made them: there is a limit.
-- 0 in transactions from before says that nobody has counted; their next changes do.
alter table checkout.transactions add column events_size bigint not null default 0;
