-- A session is one attempt to pay for one order; its events are its history. A profile is a stored configuration.
create schema checkout;

create table checkout.profiles (
  account_id text not null,
  profile_id text not null check (length(profile_id) between 1 and 255),
  id         text not null,
  data       jsonb not null,
  created_at timestamptz not null,
  created_by text,
  updated_at timestamptz not null,
  deleted_at timestamptz,
  deleted_by text,
  primary key (account_id, profile_id),
  constraint profile_id_unique unique (account_id, id)
);

create table checkout.sessions (
  account_id           text not null,
  id                   text not null,
  -- Guards every write; grows with each change, also with those that append no event.
  version              int not null default 1,
  event_count          int not null,
  hash                 bytea not null,
  profile_id           text,
  payment_operation    text not null default 'unscheduled_purchase',
  merchant_reference   text not null,
  merchant_reference_2 text,
  store_id             text,
  amount               bigint not null check (amount >= 0),
  currency             text not null check (currency ~ '^[A-Z]{3}$'),
  -- What was asked for, with the profile merged in: url, order, customer, configuration, express, merchant, checkboxes, metadata.
  data                 jsonb not null,
  -- The payment attempt under way, and the transaction that came of one. At most one of each at a time.
  operation_id         uuid,
  transaction_id       text,
  -- Null while the session can be paid; then the cause that the page is told (checkout-api §3.10.2). Expiry is read from expires_at.
  outcome              text check (outcome in ('PAYMENT_INITIATED', 'AUTHORIZED', 'ON_HOLD', 'DECLINED', 'FAILED', 'UNKNOWN', 'CANCELLED')),
  pay_lock_id          uuid,
  pay_lock_expires_at  timestamptz,
  customer_ip          text,
  user_agent           text,
  expires_at           timestamptz not null,
  created_at           timestamptz not null,
  created_by           text,
  updated_at           timestamptz not null,
  cancelled_at         timestamptz,
  cancelled_by         text,
  primary key (account_id, id)
);
create index sessions_by_created on checkout.sessions (account_id, created_at desc, id desc);
create index sessions_by_reference on checkout.sessions (account_id, merchant_reference);

create table checkout.session_events (
  account_id      text not null,
  session_id      text not null,
  sequence        int not null check (sequence > 0),
  id              uuid not null,
  name            text not null,
  request_id      uuid not null,
  request_headers jsonb,
  details         jsonb,
  created_at      timestamptz not null,
  hash            bytea not null,
  primary key (account_id, session_id, sequence)
);
