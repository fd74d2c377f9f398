-- One index for everything that a list of transactions finds exactly, instead of one each: the search terms, the references, and whoever
-- and whatever stands in these columns. None of them changes when money moves, so that a capture's update touches no index.
create function checkout.transaction_terms(
  account_id text, search_terms text[], customer_id text, store_id text, terminal_id text, token_id text, currency text, card_brand text,
  payment_product_type text, payment_operation text, channel text, amount bigint
) returns text[] language sql immutable parallel safe as $$
  select search_terms || array_remove(array[
    account_id || '|customer_id:' || customer_id, account_id || '|store_id:' || store_id, account_id || '|terminal_id:' || terminal_id,
    account_id || '|token_id:' || token_id, account_id || '|currency:' || currency, account_id || '|card_brand:' || lower(card_brand),
    account_id || '|payment_product:' || split_part(payment_product_type, '.', 1),
    account_id || '|payment_product_type:' || payment_product_type, account_id || '|payment_operation:' || payment_operation,
    account_id || '|channel:' || channel, account_id || '|amount:' || amount::text], null)
$$;
-- Few entries wait to be sorted in: whoever searches reads all of them.
create index transactions_by_term on checkout.transactions using gin (checkout.transaction_terms(
  account_id, search_terms, customer_id, store_id, terminal_id, token_id, currency, card_brand, payment_product_type, payment_operation,
  channel, amount)) with (gin_pending_list_limit = 256);
drop index checkout.transactions_by_search_term;
drop index checkout.transactions_by_reference;

-- A session is found through its transaction, which names it: without this index the update that pays a session touches none.
drop index checkout.sessions_by_transaction;

-- The same for sessions: the second reference, the name of whom it is billed or else shipped to, and the store. The function is one
-- expression, so that PostgreSQL puts it in place; calling the old one, twice for every row written, took as long as all the rest.
create function checkout.session_terms(account_id text, merchant_reference_2 text, store_id text, data jsonb) returns text[]
language sql immutable parallel safe as $$
  select array_remove(array[
    account_id || '/' || merchant_reference_2,
    account_id || '/' || case when data #> '{order,billing_address}' is null
      then (data #>> '{order,shipping_address,first_name}') || ' ' || (data #>> '{order,shipping_address,last_name}')
      else (data #>> '{order,billing_address,first_name}') || ' ' || (data #>> '{order,billing_address,last_name}') end,
    account_id || '|store_id:' || store_id], null)
$$;
create index sessions_by_term on checkout.sessions
  using gin (checkout.session_terms(account_id, merchant_reference_2, store_id, data)) with (gin_pending_list_limit = 256);
drop index checkout.sessions_by_customer_name;
drop index checkout.sessions_by_reference_2;
drop function checkout.customer_name(jsonb);
