-- The answer to each request that carried an Idempotency-Key, committed with its effect; the worker removes it after 24 hours.
create table accounts.idempotency_keys (
  account_id   text not null,
  client_id    text not null,
  key          text not null,
  request_hash bytea not null,
  status       int not null,
  body         text not null,
  created_at   timestamptz not null default now(),
  primary key (account_id, client_id, key)
);
create index idempotency_keys_by_age on accounts.idempotency_keys (created_at);
