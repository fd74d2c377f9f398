-- What subscribers and callbacks are told, written in the same transaction as the change it reports.
create schema notifications;

create table notifications.outbox (
  account_id     text not null,
  aggregate_type text not null check (aggregate_type in ('order', 'draft', 'transaction', 'session', 'card_token', 'settlement')),
  aggregate_id   text not null,
  sequence       int not null check (sequence > 0),
  event          text not null,
  details        jsonb not null default '{}',
  created_at     timestamptz not null default now(),
  -- In the order of the inserts, so in the order of the aggregate's events: who inserts holds the aggregate.
  id             bigint generated always as identity,
  -- Given when the row has become deliveries; grows within the account in the order in which they became visible.
  position       bigint,
  primary key (account_id, aggregate_type, aggregate_id, sequence, event)
);
create index outbox_waiting on notifications.outbox (account_id, id) where position is null;
create unique index outbox_feed on notifications.outbox (account_id, position) where position is not null;

-- One row an account: the last position given. Its lock lets one worker at a time turn an account's rows into deliveries,
-- so that a later event never becomes visible before an earlier one.
create table notifications.feeds (
  account_id text primary key,
  position   bigint not null default 0
);
