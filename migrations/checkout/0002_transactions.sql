-- A transaction is one payment by one customer, held as its list of events; an operation is one call to a gateway.
create table checkout.transactions (
  account_id            text not null,
  id                    text not null,
  session_id            text not null,
  version               int not null default 1,
  event_count           int not null,
  hash                  bytea not null,
  status                text not null check (status in ('INITIATED', 'ON_HOLD', 'AUTHORIZED', 'AUTHORIZATION_VOIDED', 'PARTIALLY_CAPTURED',
                          'CAPTURED', 'PARTIALLY_CAPTURED_REFUNDED', 'PARTIALLY_REFUNDED', 'REFUNDED', 'DECLINED', 'FAILED', 'UNKNOWN')),
  settlement_status     text not null default 'NOT_SETTLED'
                          check (settlement_status in ('NOT_SETTLED', 'PENDING_SETTLEMENT', 'PARTIALLY_SETTLED', 'SETTLED')),
  gateway               text not null,
  gateway_reference     text,
  payment_product_type  text not null,
  payment_operation     text not null,
  currency              text not null check (currency ~ '^[A-Z]{3}$'),
  -- The total the customer agreed to; what was really authorized stands beside it.
  amount                bigint not null check (amount >= 0),
  authorized            bigint not null default 0 check (authorized >= 0),
  captured              bigint not null default 0 check (captured >= 0),
  refunded              bigint not null default 0 check (refunded >= 0),
  voided                bigint not null default 0 check (voided >= 0),
  -- Reserved by operations whose outcome is not known yet.
  pending_capture       bigint not null default 0 check (pending_capture >= 0),
  pending_refund        bigint not null default 0 check (pending_refund >= 0),
  pending_void          bigint not null default 0 check (pending_void >= 0),
  merchant_reference    text not null,
  merchant_reference_2  text,
  customer_id           text,
  store_id              text,
  terminal_id           text,
  payout_destination_id text,
  channel               text not null default 'ecommerce',
  card_brand            text,
  token_id              text,
  -- Set while the transaction is to be captured without anybody asking: when to try next, and when to give up.
  auto_capture_at       timestamptz,
  auto_capture_until    timestamptz,
  final_authorization   boolean not null default true,
  -- What `search` finds it by, each after the account's id: references, names, phone, e-mail, token.
  search_terms          text[] not null default '{}',
  -- items, addresses, customer, url, card, metadata, checkboxes, store, shipping_option, gift_cards, request headers.
  data                  jsonb not null,
  authorized_at         timestamptz,
  captured_at           timestamptz,
  refunded_at           timestamptz,
  created_at            timestamptz not null,
  updated_at            timestamptz not null,
  primary key (account_id, id),
  constraint one_transaction_per_session unique (account_id, session_id),
  constraint captured_and_voided_within_authorized check (captured + voided + pending_capture + pending_void <= authorized),
  constraint refunded_within_captured check (refunded + pending_refund <= captured)
);
create index transactions_by_created on checkout.transactions (account_id, created_at desc, id desc);
create index transactions_by_reference on checkout.transactions (account_id, merchant_reference);
create index transactions_by_search_term on checkout.transactions using gin (search_terms);
create index transactions_to_capture on checkout.transactions (auto_capture_at) where auto_capture_at is not null;

create table checkout.operations (
  account_id           text not null,
  id                   uuid not null,
  kind                 text not null check (kind in ('authorize', 'capture', 'refund', 'void', 'update_authorization')),
  session_id           text not null,
  transaction_id       text not null,
  gateway              text not null,
  payment_product_type text not null,
  amount               bigint not null check (amount >= 0),
  currency             text not null check (currency ~ '^[A-Z]{3}$'),
  -- pending: being asked. unknown, held, action_required: to be asked again. succeeded, failed: settled, for good.
  state                text not null check (state in ('pending', 'unknown', 'action_required', 'held', 'succeeded', 'failed')),
  attempts             int not null default 1,
  -- While pending this is the lease: past it, the process that asked is taken for dead.
  next_attempt_at      timestamptz,
  -- What the outcome needs to become an event: reference, items, metadata, reason. Never a card number.
  request              jsonb not null,
  outcome              jsonb,
  created_at           timestamptz not null,
  created_by           text,
  updated_at           timestamptz not null,
  primary key (account_id, id),
  constraint settled_has_no_next_attempt check ((state in ('succeeded', 'failed')) = (next_attempt_at is null))
);
create index operations_due on checkout.operations (next_attempt_at) where next_attempt_at is not null;
create index operations_by_transaction on checkout.operations (account_id, transaction_id);

create table checkout.transaction_events (
  account_id             text not null,
  transaction_id         text not null,
  sequence               int not null check (sequence > 0),
  event                  text not null check (event in ('INITIALIZE', 'AUTHORIZE', 'INITIATE_CAPTURE', 'CAPTURE', 'INITIATE_REFUND', 'REFUND',
                           'INITIATE_VOID', 'VOID', 'SETTLEMENT')),
  transaction_status     text not null,
  success                boolean not null,
  amount                 bigint,
  request_id             uuid not null,
  correlation_request_id uuid,
  operation_id           uuid,
  -- items, error, metadata, event_reference, correction, settlements, request_headers.
  data                   jsonb not null,
  created_at             timestamptz not null,
  created_by             text,
  hash                   bytea not null,
  primary key (account_id, transaction_id, sequence)
);
-- An operation is settled by one event. INITIATE_ events only announce it.
create unique index operation_settles_once on checkout.transaction_events (account_id, operation_id)
  where operation_id is not null and event in ('AUTHORIZE', 'CAPTURE', 'REFUND', 'VOID');
