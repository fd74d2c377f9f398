-- One change of an authorization at a time, here too. Where two are open from before, nobody knows what the provider makes of either, so both
-- stay: all but the first are set apart, and end as they would have.
update checkout.operations o
set request = o.request || '{"beside_another": true}'
from (
  select account_id, id, row_number() over (partition by account_id, transaction_id order by created_at, id) as place
  from checkout.operations
  where kind = 'update_authorization' and state not in ('succeeded', 'failed')) open
where o.account_id = open.account_id and o.id = open.id and open.place > 1;

create unique index one_authorization_update on checkout.operations (account_id, transaction_id)
  where kind = 'update_authorization' and state not in ('succeeded', 'failed') and not request ? 'beside_another';
