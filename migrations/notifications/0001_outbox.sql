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
  primary key (account_id, aggregate_type, aggregate_id, sequence, event)
);
