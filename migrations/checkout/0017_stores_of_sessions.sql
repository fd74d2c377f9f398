-- An update whose store had no id, or that had no second reference, left the column as it was.
update checkout.sessions set
  store_id = data #>> '{order,store,id}',
  merchant_reference_2 = data #>> '{order,merchant_reference_2}'
where store_id is distinct from data #>> '{order,store,id}'
  or merchant_reference_2 is distinct from data #>> '{order,merchant_reference_2}';
