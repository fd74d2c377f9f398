-- As `checkout.transactions_by_range`: what changes with an order, and no index may stand on.
create index orders_by_range on orders.orders
  using brin (status text_bloom_ops (n_distinct_per_range = 3), payment_status text_bloom_ops (n_distinct_per_range = 5),
    currency text_bloom_ops (n_distinct_per_range = 16), created_at)
  with (pages_per_range = 64, autosummarize = on);
create index drafts_by_range on orders.drafts
  using brin (status text_bloom_ops (n_distinct_per_range = 3), currency text_bloom_ops (n_distinct_per_range = 16), created_at)
  with (pages_per_range = 64, autosummarize = on);
