-- A session is found by the name of the billing address and by that of the shipping address: a company that is billed has no person,
-- and the person whom a shop looks for stands in the other one.
drop index checkout.sessions_by_term;
create or replace function checkout.session_terms(account_id text, merchant_reference_2 text, store_id text, data jsonb) returns text[]
language plpgsql immutable parallel safe as $$
declare
  sold jsonb := data -> 'order';
  billing jsonb := sold -> 'billing_address';
  shipping jsonb := sold -> 'shipping_address';
begin
  return array_remove(array[
    account_id || '/' || lower(left(merchant_reference_2, 255)),
    account_id || '/' || lower(left((billing ->> 'first_name') || ' ' || (billing ->> 'last_name'), 255)),
    account_id || '/' || lower(left((shipping ->> 'first_name') || ' ' || (shipping ->> 'last_name'), 255)),
    account_id || '|store_id:' || store_id], null);
end
$$;
create index sessions_by_term on checkout.sessions
  using gin (checkout.session_terms(account_id, merchant_reference_2, store_id, data)) with (gin_pending_list_limit = 256);
