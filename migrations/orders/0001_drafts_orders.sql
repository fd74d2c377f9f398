-- Orders and drafts are lists of events; what stands beside the events is for finding, for guarding and for constraints.
create schema orders;

-- Every name an order answers to: its id, and its order_id where that is another. ALPHANUMERIC_9_RESERVE holds one before there
-- is an order.
create table orders.names (
  account_id text not null,
  name       text not null check (length(name) between 1 and 255),
  order_uuid uuid not null,
  constraint order_name_unique primary key (account_id, name)
);

create table orders.drafts (
  account_id text not null,
  id         uuid not null,
  -- The number of the last event; guards every write.
  version    int not null check (version > 0),
  hash       bytea not null,
  status     text not null check (status in ('open', 'completed', 'deleted')),
  currency   text not null check (currency ~ '^[A-Z]{3}$'),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  expires_at timestamptz,
  primary key (account_id, id)
) with (fillfactor = 85);
create index drafts_by_created on orders.drafts (account_id, created_at desc, id desc);
create index drafts_by_expiry on orders.drafts (expires_at) where expires_at is not null;

create table orders.draft_events (
  account_id text not null,
  draft_id   uuid not null,
  version    int not null check (version > 0),
  -- The event as the core folds it: type, id, version, created_at, created_by and what changed.
  body       jsonb not null,
  -- The call that made it: path, method, body as text.
  request    jsonb,
  hash       bytea not null,
  primary key (account_id, draft_id, version)
);

create table orders.orders (
  account_id      text not null,
  id              uuid not null,
  order_id        text not null,
  version         int not null check (version > 0),
  hash            bytea not null,
  status          text not null check (status in ('open', 'closed', 'cancelled')),
  payment_status  text not null check (payment_status in ('pending', 'partially_paid', 'paid', 'partially_refunded', 'refunded')),
  currency        text not null check (currency ~ '^[A-Z]{3}$'),
  customer_id     text,
  gross_amount    bigint not null,
  net_amount      bigint not null,
  -- Signed sums over the lines; each line has its own rules in order_lines.
  due             bigint not null,
  authorized      bigint not null,
  cancelled       bigint not null,
  captured        bigint not null,
  refunded        bigint not null,
  -- What the list filters by and nothing else needs: external_ids, discount_types, travel_modes, arrivals, departures.
  search          jsonb not null,
  created_at      timestamptz not null,
  updated_at      timestamptz not null,
  expires_at      timestamptz,
  primary key (account_id, id)
) with (fillfactor = 85);
create index orders_by_created on orders.orders (account_id, created_at desc, id desc);
create index orders_by_customer on orders.orders (account_id, customer_id, created_at desc, id desc) where customer_id is not null;
create index orders_by_expiry on orders.orders (expires_at) where expires_at is not null;

-- The stores an order belongs to: its own and those of its lines.
create table orders.order_stores (
  account_id text not null,
  store_id   text not null,
  order_uuid uuid not null,
  created_at timestamptz not null,
  primary key (account_id, order_uuid, store_id)
);
create index order_stores_by_created on orders.order_stores (account_id, store_id, created_at desc, order_uuid desc);

-- The amounts of a line, signed like the line: a reversed line is negative throughout.
create table orders.order_lines (
  account_id text not null,
  order_uuid uuid not null,
  line_id    bigint not null,
  due        bigint not null,
  authorized bigint not null,
  cancelled  bigint not null,
  captured   bigint not null,
  refunded   bigint not null,
  primary key (account_id, order_uuid, line_id),
  constraint line_authorized_within_due check (case when due >= 0 then authorized - cancelled <= due else authorized - cancelled >= due end),
  constraint line_captured_within_authorized check (
    case when due >= 0 then cancelled >= 0 and captured >= 0 and captured + cancelled <= authorized
                       else cancelled <= 0 and captured <= 0 and captured + cancelled >= authorized end),
  constraint line_refunded_within_captured check (
    case when due >= 0 then refunded between 0 and captured else refunded between captured and 0 end)
) with (fillfactor = 85);

-- With multiple_authorizations every authorization has limits of its own, per line.
create table orders.order_authorizations (
  account_id       text not null,
  order_uuid       uuid not null,
  authorization_id text not null,
  line_id          bigint not null,
  authorized       bigint not null,
  cancelled        bigint not null,
  captured         bigint not null,
  refunded         bigint not null,
  primary key (account_id, order_uuid, authorization_id, line_id),
  constraint authorization_captured_within_authorized check (
    case when authorized >= 0 then cancelled >= 0 and captured >= 0 and captured + cancelled <= authorized
                              else cancelled <= 0 and captured <= 0 and captured + cancelled >= authorized end),
  constraint authorization_refunded_within_captured check (
    case when authorized >= 0 then refunded between 0 and captured else refunded between captured and 0 end)
) with (fillfactor = 85);

create table orders.order_events (
  account_id text not null,
  order_uuid uuid not null,
  version    int not null check (version > 0),
  type       text not null,
  -- The id of the event on the wire; for an authorization, capture, refund, cancellation or session it is that resource's id.
  event_id   text not null check (length(event_id) between 1 and 40),
  body       jsonb not null,
  request    jsonb,
  hash       bytea not null,
  primary key (account_id, order_uuid, version),
  constraint order_event_id_unique unique (account_id, order_uuid, event_id)
);

-- One running number an account, for orders whose draft asks for a serial_order_number.
create table orders.serials (
  account_id text not null primary key,
  last       bigint not null check (last > 0)
);
