-- Deliveries: one thing told to one endpoint, tried until it is delivered or dead.

-- The account's secret for Dintero-Signature. It signs, so it can't be hashed.
create table notifications.signatures (
  account_id text primary key,
  id         uuid not null,
  secret     text not null,
  created_at timestamptz not null,
  created_by text not null
);

create table notifications.subscriptions (
  account_id     text not null,
  id             text not null,
  url            text not null,
  content_type   text not null default 'application/json',
  secret         text,
  insecure_ssl   smallint not null default 0 check (insecure_ssl in (0, 1)),
  events         text[] not null,
  active         boolean not null default true,
  fields         text,
  exclude_fields text[],
  created_at     timestamptz not null,
  created_by     text not null,
  updated_at     timestamptz not null,
  deleted_at     timestamptz,
  deleted_by     text,
  primary key (account_id, id)
);

create table notifications.deliveries (
  account_id      text not null,
  id              uuid not null,
  -- Who is told: `subscription:{id}` or `callback:{origin of the URL}`.
  endpoint        text not null,
  -- Deliveries of one lane to one endpoint go one after another, by position: a lane is an aggregate, or one of a replay.
  lane            text not null,
  position        bigint not null,
  subscription_id text,
  event           text not null,
  aggregate_type  text not null,
  aggregate_id    text not null,
  sequence        int not null,
  details         jsonb not null,
  method          text not null check (method in ('GET', 'POST')),
  url             text not null,
  state           text not null default 'pending' check (state in ('pending', 'delivered', 'dead')),
  -- Calls begun. Also the fence: whoever settles a delivery names the attempt he made.
  attempts        int not null default 0,
  -- Calls that failed and count against the number of retries.
  failures        int not null default 0,
  next_attempt_at timestamptz,
  -- Set while a call is under way: past it, the worker is taken for dead.
  leased_until    timestamptz,
  replay_of       uuid,
  -- What was sent (without the signatures' secrets) and the last answer, both cut to a limit; one line an attempt in history.
  request         jsonb,
  response        jsonb,
  history         jsonb not null default '[]',
  created_at      timestamptz not null,
  settled_at      timestamptz,
  primary key (account_id, id),
  constraint pending_has_a_time check ((state = 'pending') = (next_attempt_at is not null))
);
create index deliveries_lanes on notifications.deliveries (account_id, endpoint, lane, position) where state = 'pending';
create index deliveries_due on notifications.deliveries (account_id, endpoint, next_attempt_at, position) where state = 'pending';
create index deliveries_by_created on notifications.deliveries (account_id, created_at desc, id desc);
create index deliveries_by_subscription on notifications.deliveries (account_id, subscription_id, created_at desc, id desc);

-- The health of who is told; no row means healthy. probe_at set: the circuit is open and one delivery at a time may try, from then.
create table notifications.endpoints (
  account_id      text not null,
  endpoint        text not null,
  -- Attempts in a row without a usable answer.
  failures        int not null default 0,
  down_since      timestamptz,
  probe_at        timestamptz,
  -- Deliveries in a row that were given up.
  dead            int not null default 0,
  last_failure_at timestamptz,
  last_error      text,
  primary key (account_id, endpoint),
  constraint open_has_both_times check ((down_since is null) = (probe_at is null))
);
