-- What changes when money moves, or is asked for between two ends. BRIN keeps, for each run of pages, which values stand there: an update
-- need not touch it as long as they do, and since PostgreSQL 16 it does not keep an update from staying on its page, as any other index
-- would. A list that finds few of these among the newest looks here (docs/decisions/0175).
create index transactions_by_range on checkout.transactions
  using brin (status text_bloom_ops (n_distinct_per_range = 12), amount, captured_at, refunded_at, created_at)
  with (autosummarize = on);
create index card_tokens_by_range on checkout.card_tokens
  using brin (status text_bloom_ops (n_distinct_per_range = 8)) with (pages_per_range = 32, autosummarize = on);

-- What was paid out together, in the order of lists: thousands may be.
create index transactions_by_payout
  on checkout.transactions (account_id, (data #>> '{metadata,payout_correlation_id}'), created_at desc, id desc)
  where data #>> '{metadata,payout_correlation_id}' is not null;

-- Destinations of payouts are found by terms, as everything else: the transaction's own, and those that items are split on.
update checkout.transactions t
set search_terms = t.search_terms || p.terms
from (
  select t.account_id, t.id, array_agg(distinct term) as terms
  from checkout.transactions t cross join lateral (
    select t.account_id || '|payout_destination_id:' || t.payout_destination_id as term
    union all select t.account_id || '|payout_destination_id:' || (d #>> '{}')
    from jsonb_path_query(t.data, '$.items[*].splits[*].payout_destination_id') d) named
  where term is not null
  group by t.account_id, t.id) p
where t.account_id = p.account_id and t.id = p.id;
