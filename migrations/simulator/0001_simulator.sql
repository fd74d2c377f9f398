-- The simulator stands for a payment provider, so it keeps books of its own: they must agree with checkout's, and share nothing with them.
create schema simulator;

-- One attempt to pay. `id` is the authorization's idempotency key; a session that is tried again has several for one transaction.
create table simulator.payments (
  account_id           text not null,
  transaction_id       text not null,
  id                   text not null,
  session_id           text not null,
  merchant_reference   text not null,
  payment_product_type text not null,
  currency             text not null,
  amount               bigint not null check (amount >= 0),
  authorized           bigint not null default 0 check (authorized >= 0),
  captured             bigint not null default 0 check (captured >= 0),
  refunded             bigint not null default 0 check (refunded >= 0),
  voided               bigint not null default 0 check (voided >= 0),
  -- Undecided until the authorization is answered for good; then it can be captured, or it failed.
  state                text not null check (state in ('undecided', 'authorized', 'failed')),
  -- False while a pre-authorization waits to be made final: no capture before.
  is_final             boolean not null default true,
  -- What the card does later (cards.ts). Null for an ordinary payment.
  habit                text,
  masked_pan           text,
  created_at           timestamptz not null,
  primary key (account_id, transaction_id, id),
  constraint captured_and_voided_within_authorized check (captured + voided <= authorized),
  constraint refunded_within_captured check (refunded <= captured)
);

-- The book: every authorization, capture, refund, void and update that was asked for, once for each idempotency key.
-- Rows are added, and settled once: a state of `succeeded` or `failed` never changes.
create table simulator.movements (
  account_id      text not null,
  idempotency_key text not null,
  sequence        bigint not null generated always as identity,
  transaction_id  text not null,
  payment_id      text not null,
  kind            text not null check (kind in ('authorize', 'capture', 'refund', 'void', 'update_authorization')),
  amount          bigint not null,
  currency        text not null,
  -- What is true. waiting: for the customer. held: for a person. late: the call has not arrived yet. lost: it never will.
  state           text not null check (state in ('waiting', 'held', 'late', 'lost', 'succeeded', 'failed')),
  -- What the caller was told first, and from when on it is told the truth.
  answered        text not null,
  known_at        timestamptz,
  -- The rest of a final capture's authorization, released with it.
  released        bigint not null default 0,
  -- What the answer needs: error, reason, card, tokens, return_url, what comes of a hold.
  detail          jsonb not null,
  -- How often it was asked for with this key.
  calls           int not null default 1,
  created_at      timestamptz not null,
  settled_at      timestamptz,
  primary key (account_id, idempotency_key)
);
create index movements_by_sequence on simulator.movements (account_id, sequence);
create index movements_by_transaction on simulator.movements (account_id, transaction_id);

-- A stored card: what a later payment with it shows and does. The number itself is never kept.
create table simulator.tokens (
  account_id text not null,
  token      text not null,
  type       text not null check (type in ('payment_token', 'recurrence_token')),
  payment_id text not null,
  card       jsonb not null,
  habit      text,
  created_at timestamptz not null,
  primary key (account_id, token)
);

-- What is to go wrong on an account. `counters` says how often each rule was met, so that `nth` can be told.
create table simulator.scripts (
  account_id text not null,
  script     jsonb not null,
  counters   jsonb not null default '{}',
  updated_at timestamptz not null,
  primary key (account_id)
);
