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
  primary key (account_id, id),
  constraint columns_repeat_the_order check (
    amount = (data -> 'order' ->> 'amount')::bigint and currency = data -> 'order' ->> 'currency'
    and merchant_reference = data -> 'order' ->> 'merchant_reference')
);
create index sessions_by_created on checkout.sessions (account_id, created_at desc, id desc);
create index sessions_by_reference on checkout.sessions (account_id, merchant_reference);
create index sessions_by_reference_2 on checkout.sessions (account_id, merchant_reference_2) where merchant_reference_2 is not null;
create index sessions_by_transaction on checkout.sessions (account_id, transaction_id) where transaction_id is not null;

-- "First name last name" of whom the order is billed, or else shipped, to; for searching.
create function checkout.customer_name(data jsonb) returns text language sql immutable parallel safe as $$
  select (address ->> 'first_name') || ' ' || (address ->> 'last_name')
  from coalesce(data #> '{order,billing_address}', data #> '{order,shipping_address}') as address
$$;
create index sessions_by_customer_name on checkout.sessions (account_id, checkout.customer_name(data))
  where checkout.customer_name(data) is not null;

-- `body` is the event as it is shown: id, name, created_at, request_id, request_headers, details.
create table checkout.session_events (
  account_id text not null,
  session_id text not null,
  sequence   int not null check (sequence > 0),
  body       jsonb not null check (body ? 'id' and body ? 'name' and body ? 'created_at'),
  hash       bytea not null,
  primary key (account_id, session_id, sequence)
);

-- What an account has set for all its sessions: payment_options, merchant.
create table checkout.account_configurations (
  account_id text primary key,
  data       jsonb not null,
  updated_at timestamptz not null,
  updated_by text
);

-- Numbers and hashes new events, each over the one before: hash = sha256(previous hash || body). Sessions and transactions use it.
create function checkout.chain(previous bytea, bodies jsonb) returns table (ordinal int, body jsonb, hash bytea)
language plpgsql immutable strict parallel safe as $$
begin
  ordinal := 0;
  hash := previous;
  for body in select jsonb_array_elements(bodies) loop
    ordinal := ordinal + 1;
    hash := sha256(hash || convert_to(body::text, 'UTF8'));
    return next;
  end loop;
end $$;
