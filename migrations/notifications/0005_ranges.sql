-- As `checkout.transactions_by_range`: a kind of event that is rare, or a state that few deliveries have.
create index outbox_by_range on notifications.outbox
  using brin (event text_bloom_ops (n_distinct_per_range = 16)) with (autosummarize = on);
create index deliveries_by_range on notifications.deliveries
  using brin (state text_bloom_ops (n_distinct_per_range = 3), event text_bloom_ops (n_distinct_per_range = 16), created_at)
  with (autosummarize = on);
-- What was told of one thing.
create index deliveries_by_aggregate on notifications.deliveries (account_id, aggregate_id, created_at desc, id desc);
