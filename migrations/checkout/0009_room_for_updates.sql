-- A payment's rows are written two or three times within seconds of their first, and their pages were full by then: the new version went to
-- another page, with a new entry in every index. With room beside them it stays (docs/decisions/0176).
alter table checkout.transactions set (fillfactor = 60);
alter table checkout.sessions set (fillfactor = 60);
