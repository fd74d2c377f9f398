-- Characters of a draft's events and of the requests that made them, so that a page of drafts ends before it gets too large. 0 in drafts
-- from before says that nobody has counted; the next change does.
alter table orders.drafts add column events_size bigint not null default 0;
