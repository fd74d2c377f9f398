-- What a function in SQL calculates for an index is put in its place, prepared anew in every statement that writes to the table, and reads
-- a compressed column as often as it names it. In PL/pgSQL it is prepared once a connection. The indexes stay, for the values are the same.
create or replace function checkout.transaction_terms(
  account_id text, search_terms text[], customer_id text, store_id text, terminal_id text, token_id text, currency text, card_brand text,
  payment_product_type text, payment_operation text, channel text, amount bigint
) returns text[] language plpgsql immutable parallel safe as $$
begin
  return search_terms || array_remove(array[
    account_id || '|customer_id:' || customer_id, account_id || '|store_id:' || store_id, account_id || '|terminal_id:' || terminal_id,
    account_id || '|token_id:' || token_id, account_id || '|currency:' || currency, account_id || '|card_brand:' || lower(card_brand),
    account_id || '|payment_product:' || split_part(payment_product_type, '.', 1),
    account_id || '|payment_product_type:' || payment_product_type, account_id || '|payment_operation:' || payment_operation,
    account_id || '|channel:' || channel, account_id || '|amount:' || amount::text], null);
end
$$;
create or replace function checkout.session_terms(account_id text, merchant_reference_2 text, store_id text, data jsonb) returns text[]
language plpgsql immutable parallel safe as $$
declare
  sold jsonb := data -> 'order';
  address jsonb := coalesce(sold -> 'billing_address', sold -> 'shipping_address');
begin
  return array_remove(array[
    account_id || '/' || lower(left(merchant_reference_2, 255)),
    account_id || '/' || lower(left((address ->> 'first_name') || ' ' || (address ->> 'last_name'), 255)),
    account_id || '|store_id:' || store_id], null);
end
$$;

-- The text of a table's check is read anew in every statement too, so this one is short.
create function checkout.repeats_the_order(amount checkout.minor_units, currency checkout.currency, merchant_reference text, data jsonb)
returns boolean language plpgsql immutable parallel safe as $$
declare
  sold jsonb := data -> 'order';
begin
  return amount = (sold ->> 'amount')::bigint and currency = sold ->> 'currency' and merchant_reference = sold ->> 'merchant_reference';
end
$$;
alter table checkout.sessions drop constraint columns_repeat_the_order,
  add constraint columns_repeat_the_order check (checkout.repeats_the_order(amount, currency, merchant_reference, data));
