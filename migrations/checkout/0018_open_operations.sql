-- What is not settled of an account, in the order of its list: without it every operation there ever was is read to find none.
create index operations_open on checkout.operations (account_id, id) where next_attempt_at is not null;
