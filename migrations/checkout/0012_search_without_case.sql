-- Sessions are found by reference or name whether letters are small or large, as transactions are; and a text that is longer than an index
-- takes by its beginning.
drop index checkout.sessions_by_reference;
create index sessions_by_reference on checkout.sessions (account_id, lower(left(merchant_reference, 255)));

drop index checkout.sessions_by_term;
create or replace function checkout.session_terms(account_id text, merchant_reference_2 text, store_id text, data jsonb) returns text[]
language sql immutable parallel safe as $$
  select array_remove(array[
    account_id || '/' || lower(left(merchant_reference_2, 255)),
    account_id || '/' || lower(left(case when data #> '{order,billing_address}' is null
      then (data #>> '{order,shipping_address,first_name}') || ' ' || (data #>> '{order,shipping_address,last_name}')
      else (data #>> '{order,billing_address,first_name}') || ' ' || (data #>> '{order,billing_address,last_name}') end, 255)),
    account_id || '|store_id:' || store_id], null)
$$;
create index sessions_by_term on checkout.sessions
  using gin (checkout.session_terms(account_id, merchant_reference_2, store_id, data)) with (gin_pending_list_limit = 256);
