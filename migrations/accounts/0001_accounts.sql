-- Who may call: accounts, their API clients with grants, the keys that sign access tokens, and API keys for the admin endpoints.
create schema accounts;

create table accounts.accounts (
  -- P: production, T: test (no money moves).
  account_id text not null check (account_id ~ '^[PT]([0-9]{8}|[0-9]{3})$'),
  name       text,
  settings   jsonb not null default '{}',
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (account_id)
);

create table accounts.clients (
  account_id     text not null references accounts.accounts,
  id             text not null,
  -- What the client calls itself in Basic authentication. Kept for good: a deleted client's name is not given to another.
  client_id      text not null check (length(client_id) between 1 and 255 and client_id !~ ':'),
  name           text,
  description    text,
  callbacks      text[] not null default '{}',
  -- scrypt, with its parameters and salt. The secret itself is shown once and stored nowhere.
  secret_hash    text not null,
  -- Stands in each access token: a rotation ends the tokens of the secret before.
  secret_version int not null default 1,
  created_at     timestamptz not null,
  created_by     text,
  updated_at     timestamptz not null,
  deleted_at     timestamptz,
  deleted_by     text,
  primary key (account_id, id),
  constraint client_id_unique unique (account_id, client_id)
);

create table accounts.grants (
  account_id text not null,
  id         text not null,
  -- The client's id, as the contract has it; not its client_id.
  client_id  text not null,
  audience   text not null,
  scope      text[] not null,
  type       text not null default 'any' check (type in ('any', 'authorization_code', 'client_credentials', 'password')),
  created_at timestamptz not null,
  created_by text,
  updated_at timestamptz not null,
  deleted_at timestamptz,
  deleted_by text,
  primary key (account_id, id),
  foreign key (account_id, client_id) references accounts.clients (account_id, id)
);
-- One grant in force for each audience, so that deleting it takes away what it gave.
create unique index grant_in_force_unique on accounts.grants (account_id, client_id, audience, type) where deleted_at is null;

create table accounts.signing_keys (
  account_id  text not null references accounts.accounts,
  kid         text not null,
  -- RSA, with the private part: whoever reads this table can sign as the account.
  private_jwk jsonb not null,
  created_at  timestamptz not null,
  primary key (account_id, kid)
);

create table accounts.api_keys (
  account_id text not null references accounts.accounts,
  id         text not null,
  name       text,
  -- sha256: the secret is 256 random bits, which a slow hash would not make harder to guess.
  key_hash   bytea not null,
  created_at timestamptz not null,
  created_by text,
  updated_at timestamptz not null,
  expires_at timestamptz,
  deleted_at timestamptz,
  deleted_by text,
  primary key (account_id, id)
);
