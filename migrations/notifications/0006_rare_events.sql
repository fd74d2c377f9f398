-- Kinds of events that are rare, in the order of the feed: the few there are may stand all together, anywhere. Those that every payment
-- brings are met soon enough.
create index outbox_of_rare_events on notifications.outbox (account_id, event, position)
  where position is not null and event not in ('checkout_transaction', 'checkout_authorization', 'session_callback',
    'shopping_order_update', 'shopping_draft_add', 'shopping_draft_complete');
-- What an outage left behind.
create index deliveries_dead on notifications.deliveries (account_id, created_at desc, id desc) where state = 'dead';
