-- A stored card, under the provider's token. Shown by `id`, a digest of the token; the token itself only to who asks for it by that id.
create table checkout.card_tokens (
  account_id           text not null,
  id                   text not null,
  version              int not null default 1,
  type                 text not null check (type in ('payment_token', 'recurrence_token')),
  token                text not null,
  status               text not null check (status in ('ACTIVE', 'INACTIVE', 'SUSPENDED', 'CANCELLED', 'DELETED')),
  payment_product_type text not null,
  card_brand           text,
  masked_pan           text,
  token_expiry_date    text,
  pan_expiry_date      text,
  customer_id          text,
  relationship_id      text,
  -- The transaction that brought the token.
  transaction_id       text not null,
  -- When payments with it failed since the last one that succeeded; the newest are kept (checkout-api §3.9).
  failures             timestamptz[] not null default '{}',
  created_at           timestamptz not null,
  created_by           text,
  updated_at           timestamptz not null,
  deleted_at           timestamptz,
  deleted_by           text,
  primary key (account_id, id),
  constraint deleted_has_time check ((status = 'DELETED') = (deleted_at is not null))
);
create index card_tokens_by_created on checkout.card_tokens (account_id, created_at desc, id desc);
create index card_tokens_by_customer on checkout.card_tokens (account_id, customer_id) where customer_id is not null;
