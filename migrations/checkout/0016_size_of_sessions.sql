-- Characters of a session and its events, so that a page of sessions ends before it gets too large. 0 in sessions from before says that
-- nobody has counted; their next changes do.
alter table checkout.sessions add column events_size bigint not null default 0;
