-- Hashes are made before the statement (docs/decisions/0172).
drop function checkout.chain(bytea, jsonb);
