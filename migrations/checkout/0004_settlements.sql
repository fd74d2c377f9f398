-- What a provider owes a merchant for a day: the captures and refunds of that day, less fees. An event is settled once.
create index transaction_events_to_settle on checkout.transaction_events (account_id, created_at)
  where success and amount > 0 and event in ('CAPTURE', 'REFUND');

-- One row an account. Its lock lets one worker at a time settle the account.
create table checkout.settlement_accounts (
  account_id    text primary key,
  -- Every finished day before this midnight (UTC) has been settled.
  settled_until timestamptz not null,
  -- Signs the short-lived URLs of attachments.
  url_key       text not null
);

-- What the provider keeps of a capture; none when there is no row.
create table checkout.settlement_fees (
  account_id   text not null,
  provider     text not null,
  currency     text not null check (currency ~ '^[A-Z]{3}$'),
  basis_points int not null check (basis_points between 0 and 10000),
  fixed        bigint not null check (fixed >= 0),
  primary key (account_id, provider, currency)
);

create table checkout.settlements (
  account_id            text not null,
  id                    text not null,
  kind                  text not null check (kind in ('day', 'test')),
  provider              text not null,
  provider_reference    text not null,
  currency              text not null check (currency ~ '^[A-Z]{3}$'),
  -- Empty when the transactions name none.
  payout_destination_id text not null default '',
  start_at              timestamptz not null,
  end_at                timestamptz not null,
  capture               bigint not null check (capture >= 0),
  refund                bigint not null check (refund >= 0),
  fee                   bigint not null check (fee >= 0),
  -- Negative when more was refunded than captured.
  amount                bigint not null,
  item_count            int not null check (item_count > 0),
  -- Null until each of its transactions has its SETTLEMENT event.
  told_at               timestamptz,
  created_at            timestamptz not null,
  updated_at            timestamptz not null,
  settled_at            timestamptz not null,
  primary key (account_id, id),
  constraint amount_is_capture_less_refund_and_fee check (amount = capture - refund - fee),
  constraint period_has_length check (start_at < end_at)
);
create index settlements_by_time on checkout.settlements (account_id, settled_at desc, id desc);
create index settlements_by_reference on checkout.settlements (account_id, provider_reference);
create index settlements_to_tell on checkout.settlements (account_id) where told_at is null;
create unique index one_settlement_a_day on checkout.settlements (account_id, start_at, provider, currency, payout_destination_id)
  where kind = 'day';

-- Which event of a transaction is in which settlement. The primary key lets an event be settled once.
create table checkout.settlement_items (
  account_id          text not null,
  transaction_id      text not null,
  event_sequence      int not null,
  settlement_id       text not null,
  capture             bigint not null default 0,
  refund              bigint not null default 0,
  fee                 bigint not null default 0 check (fee >= 0),
  -- When the money was captured or refunded.
  created_at          timestamptz not null,
  -- The number of the SETTLEMENT event that tells of it; null until it is appended.
  settlement_sequence int,
  primary key (account_id, transaction_id, event_sequence),
  constraint capture_or_refund check (capture >= 0 and refund >= 0 and (capture > 0) <> (refund > 0))
);
create index settlement_items_by_time
  on checkout.settlement_items (account_id, settlement_id, created_at, transaction_id, event_sequence);
create index settlement_items_to_tell on checkout.settlement_items (account_id, settlement_id, transaction_id)
  where settlement_sequence is null;

-- How the merchant wants to be sent reports; `data` holds filetypes, destinations, providers, filters, send_every.
create table checkout.report_configurations (
  account_id       text not null,
  id               text not null,
  data             jsonb not null,
  created_at       timestamptz not null,
  updated_at       timestamptz not null,
  last_modified_at timestamptz not null,
  primary key (account_id, id)
);
create index report_configurations_by_created on checkout.report_configurations (account_id, created_at desc, id desc);
