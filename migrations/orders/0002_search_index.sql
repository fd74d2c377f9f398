-- External ids, merchant references, places: found without reading every order of the account. The column changes with the content of an
-- order only, so that authorizations and captures touch no index. Few entries wait to be sorted in: whoever searches reads all of them.
create index orders_by_search on orders.orders using gin (search jsonb_path_ops) with (gin_pending_list_limit = 256);
